using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using EdgeProxy.Slots;

namespace EdgeProxy.Diagnostics.Journal;

/// <summary>One entry for journald: fields, each once.</summary>
/// <remarks>Values are framed by their length, so that nothing in them is taken for a field (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/).</remarks>
internal sealed class JournaldEntry
{
    /// <summary>Longer values are cut: a datagram holds some 200 KB.</summary>
    private const int MaxValue = 32 * 1024;

    private readonly ArrayBufferWriter<byte> _bytes = new(1024);
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    public ReadOnlySpan<byte> Bytes => _bytes.WrittenSpan;

    /// <summary>Adds a field; the first of a name stays.</summary>
    /// <param name="name">Capital letters, digits and underscores; no underscore in front.</param>
    public void Add(string name, string value)
    {
        if (!_names.Add(name))
        {
            return;
        }

        var text = value.AsSpan(0, Math.Min(value.Length, MaxValue));
        Write(name);
        _bytes.Write("\n"u8);
        var size = _bytes.GetSpan(sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)Encoding.UTF8.GetByteCount(text));
        _bytes.Advance(sizeof(ulong));
        Write(text);
        _bytes.Write("\n"u8);
    }

    /// <summary>Adds a hole of a message, or a value of a scope: <c>SwitchId</c> becomes <c>SWITCH_ID</c>.</summary>
    public void Add(KeyValuePair<string, object?> hole)
    {
        if (hole.Value is not null && hole.Key is [>= 'A' and <= 'Z', ..])
        {
            Add(FieldOf(hole.Key), hole.Value is SlotName slot ? slot.ToKey() : Convert.ToString(hole.Value, CultureInfo.InvariantCulture) ?? "");
        }
    }

    /// <summary>Adds the holes that the state of a message or of a scope has.</summary>
    public void AddAll(object? state)
    {
        if (state is IEnumerable<KeyValuePair<string, object?>> holes)
        {
            foreach (var hole in holes)
            {
                Add(hole);
            }
        }
    }

    private static string FieldOf(string hole)
    {
        var name = new StringBuilder(hole.Length + 4);
        for (var i = 0; i < hole.Length; i++)
        {
            if (i > 0 && char.IsAsciiLetterUpper(hole[i]) && !char.IsAsciiLetterUpper(hole[i - 1]))
            {
                name.Append('_');
            }

            name.Append(char.IsAsciiLetterOrDigit(hole[i]) ? char.ToUpperInvariant(hole[i]) : '_');
        }

        return name.ToString();
    }

    private void Write(ReadOnlySpan<char> text) => _bytes.Advance(Encoding.UTF8.GetBytes(text, _bytes.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length))));
}
