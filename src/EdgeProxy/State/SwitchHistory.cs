using System.Text.Json;
using EdgeProxy.Json;
using EdgeProxy.Switching;

namespace EdgeProxy.State;

/// <summary>The last switches, kept in <c>history.jsonl</c>: one a line, appended.</summary>
/// <remarks>Written by the running switch and by the start, one at a time; read by anyone.</remarks>
public sealed partial class SwitchHistory
{
    public const string FileName = "history.jsonl";

    /// <summary>How many are kept.</summary>
    public const int Capacity = 100;

    private readonly StateDirectory _directory;
    private readonly ILogger<SwitchHistory> _logger;
    private Switch[] _recent = [];
    private int _linesInFile;

    public SwitchHistory(StateDirectory directory, ILogger<SwitchHistory> logger)
    {
        _directory = directory;
        _logger = logger;
        Load();
    }

    /// <summary>Newest first, at most <see cref="Capacity"/>. An ended switch each.</summary>
    public IReadOnlyList<Switch> Recent => Volatile.Read(ref _recent);

    public Switch? Find(string id) => Recent.FirstOrDefault(s => s.Id == id);

    /// <summary>Adds an ended switch. One that cannot be written is kept in memory and written with the next.</summary>
    public void Add(Switch ended)
    {
        _recent = [ended, .. _recent.Take(Capacity - 1)];
        try
        {
            if (_linesInFile >= 2 * Capacity || !TryAppend(ended))
            {
                Compact();
            }
        }
        catch (StateException e)
        {
            _linesInFile = int.MaxValue;
            Log.NotWritten(_logger, ended.Id, e.Message);
        }
    }

    /// <summary>After a failure a part of the line may be there: the file is to be written anew.</summary>
    private bool TryAppend(Switch ended)
    {
        try
        {
            _directory.Append(FileName, Line(ended));
            _linesInFile++;
            return true;
        }
        catch (StateException)
        {
            return false;
        }
    }

    private static byte[] Line(Switch ended) => [.. JsonSerializer.SerializeToUtf8Bytes(ended, EdgeProxyJson.Default.Switch), (byte)'\n'];

    private void Load()
    {
        var (content, problem) = _directory.Read(FileName);
        var lines = content is null ? [] : System.Text.Encoding.UTF8.GetString(content).Split('\n');
        var read = lines.Where(line => line.Length > 0).Select(Parse).ToArray();
        var good = read.OfType<Switch>().ToArray();
        _recent = [.. good.Reverse().Take(Capacity)];
        _linesInFile = good.Length;
        if (good.Length == read.Length && lines is [] or [.., ""] && problem is null)
        {
            return;
        }

        // A power failure tore the last line; nothing may be appended to a torn one.
        _linesInFile = int.MaxValue;
        Log.Damaged(_logger, _directory.PathOf(FileName), problem ?? $"{read.Length - good.Length} unreadable lines", good.Length);
    }

    private static Switch? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, EdgeProxyJson.Default.Switch);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private void Compact()
    {
        _directory.WriteAtomically(FileName, _recent.Reverse().SelectMany(Line).ToArray(), StateDirectory.DefaultMode);
        _linesInFile = _recent.Length;
    }

    private static partial class Log
    {
        [LoggerMessage(400, LogLevel.Error, "Switch {SwitchId} is missing in the history file for now: {Problem}")]
        public static partial void NotWritten(ILogger logger, string switchId, string problem);

        [LoggerMessage(401, LogLevel.Warning, "{Path} is damaged ({Problem}); {Kept} switches could be read, the file is written anew with the next one")]
        public static partial void Damaged(ILogger logger, string path, string problem, int kept);
    }
}
