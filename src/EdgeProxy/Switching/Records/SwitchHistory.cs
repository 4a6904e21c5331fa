using System.Text;
using System.Text.Json;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Records;

/// <summary>The last switches, kept in <c>history.jsonl</c>: one a line, appended.</summary>
/// <remarks>
/// Written by the running switch and by the start, one at a time; read by anyone. A line that another version of EdgeProxy has written in words of its own
/// (a phase, an outcome) is not shown, but kept as it is, for when that version is back.
/// </remarks>
internal sealed partial class SwitchHistory
{
    public const string FileName = "history.jsonl";

    /// <summary>How many are kept.</summary>
    public const int Capacity = 100;

    private readonly StateDirectory _directory;
    private readonly ILogger<SwitchHistory> _logger;
    private Switch[] _recent = [];
    private Line[] _lines = []; // oldest first, as they are in the file
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
        var line = new Line(ended, JsonSerializer.Serialize(ended, SwitchingJson.Default.Switch));
        _lines = [.. _lines.TakeLast(Capacity - 1), line];
        _recent = [ended, .. _recent.Take(Capacity - 1)];
        try
        {
            if (_linesInFile >= 2 * Capacity || !TryAppend(line))
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
    private bool TryAppend(Line ended)
    {
        try
        {
            _directory.Append(FileName, Bytes(ended));
            _linesInFile++;
            return true;
        }
        catch (StateException)
        {
            return false;
        }
    }

    private static byte[] Bytes(Line line) => Encoding.UTF8.GetBytes(line.Text + '\n');

    private void Load()
    {
        var (content, problem) = _directory.Read(FileName);
        var lines = content is null ? [] : Encoding.UTF8.GetString(content).Split('\n');
        var read = lines.Where(line => line.Length > 0).Select(Parse).ToArray();
        var good = read.OfType<Line>().ToArray();
        _lines = [.. good.TakeLast(Capacity)];
        _recent = [.. good.Select(line => line.Switch).OfType<Switch>().Reverse().Take(Capacity)];
        _linesInFile = good.Length;
        if (good.Count(line => line.Switch is null) is > 0 and var foreign)
        {
            Log.Foreign(_logger, foreign, _directory.PathOf(FileName));
        }

        if (good.Length == read.Length && lines is [] or [.., ""] && problem is null)
        {
            return;
        }

        // A power failure tore the last line; nothing may be appended to a torn one.
        _linesInFile = int.MaxValue;
        Log.Damaged(_logger, _directory.PathOf(FileName), problem ?? $"{read.Length - good.Length} unreadable lines", good.Length);
    }

    /// <returns>Null: it is torn.</returns>
    private static Line? Parse(string line)
    {
        try
        {
            return new Line(JsonSerializer.Deserialize(line, SwitchingJson.Default.Switch), line);
        }
        catch (JsonException)
        {
            return IsWhole(line) ? new Line(null, line) : null;
        }
    }

    private static bool IsWhole(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private void Compact()
    {
        _directory.WriteAtomically(FileName, _lines.SelectMany(Bytes).ToArray(), StateDirectory.DefaultMode);
        _linesInFile = _lines.Length;
    }

    /// <param name="Switch">Null: another version's words.</param>
    /// <param name="Text">As it is in the file.</param>
    private sealed record Line(Switch? Switch, string Text);

    private static partial class Log
    {
        [LoggerMessage(400, LogLevel.Error, "Switch {SwitchId} is missing in the history file for now: {Problem}")]
        public static partial void NotWritten(ILogger logger, string switchId, string problem);

        [LoggerMessage(401, LogLevel.Warning, "{Path} is damaged ({Problem}); {Kept} switches could be read, the file is written anew with the next one")]
        public static partial void Damaged(ILogger logger, string path, string problem, int kept);

        [LoggerMessage(
            402, LogLevel.Warning,
            "{Count} switches in {Path} were written by another version of EdgeProxy in words that this one does not know; they are kept and not shown")]
        public static partial void Foreign(ILogger logger, int count, string path);
    }
}
