using System.Text;

namespace EdgeProxy.Processes;

/// <summary>The last lines that a child has printed. Bounded in lines and in the length of a line, whatever the child prints.</summary>
internal sealed class OutputRing
{
    public const int MaxLines = 1000;
    public const int MaxLineLength = 4096;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();

    public void Add(string line)
    {
        lock (_gate)
        {
            if (_lines.Count == MaxLines)
            {
                _lines.Dequeue();
            }

            _lines.Enqueue(line);
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _lines.Clear();
        }
    }

    /// <summary>The newest lines, oldest first.</summary>
    public IReadOnlyList<string> Tail(int count)
    {
        lock (_gate)
        {
            return [.. _lines.TakeLast(count)];
        }
    }

    /// <summary>Reads until the other end closes, and hands on each line; a longer one than <see cref="MaxLineLength"/> in pieces.</summary>
    public static async Task PumpAsync(StreamReader reader, Action<string> onLine)
    {
        var buffer = new char[1024];
        var line = new StringBuilder();
        int read;
        while ((read = await reader.ReadAsync(buffer)) > 0)
        {
            foreach (var c in buffer.AsSpan(0, read))
            {
                if (c != '\n')
                {
                    line.Append(c);
                }

                if (c == '\n' || line.Length == MaxLineLength)
                {
                    onLine(line.ToString().TrimEnd('\r'));
                    line.Clear();
                }
            }
        }

        if (line.Length > 0)
        {
            onLine(line.ToString());
        }
    }
}
