using System.Text;

namespace EdgeProxy.StaticFiles;

/// <summary>File names as Linux has them: bytes, which need not be UTF-8.</summary>
/// <remarks>
/// In a string, each byte that is not part of valid UTF-8 is one lone surrogate, U+DC80 to U+DCFF, which no valid text holds (as Python's
/// <c>surrogateescape</c>, PEP 383). So different names stay different, as keys and on disk.
/// </remarks>
internal static class ByteName
{
    /// <summary>Which no file name holds.</summary>
    public const string EncodedSlash = "%2f";

    private const char FirstEscape = '\uDC80';
    private const char LastEscape = '\uDCFF';
    private const int EscapeOffset = 0xDC00;

    /// <summary>The path of a request target with its percent-encoding resolved once; an encoded slash stays encoded, as no name holds one.</summary>
    /// <param name="target">Path and query as on the wire: ASCII.</param>
    public static string DecodePath(ReadOnlySpan<char> target)
    {
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        var bytes = new byte[path.Length];
        var count = 0;
        for (var i = 0; i < path.Length; i++)
        {
            var isEscape = path[i] == '%' && i + 2 < path.Length && char.IsAsciiHexDigit(path[i + 1]) && char.IsAsciiHexDigit(path[i + 2]);
            var value = isEscape ? Convert.FromHexString(path.Slice(i + 1, 2))[0] : (byte)path[i];
            if (isEscape && value != '/')
            {
                i += 2;
            }

            bytes[count++] = value == '/' && isEscape ? (byte)'%' : value;
        }

        return FromBytes(bytes.AsSpan(0, count));
    }

    /// <summary>Whether a name cannot simply be written as UTF-8.</summary>
    public static bool HasEscapes(ReadOnlySpan<char> name) => name.ContainsAnyInRange(FirstEscape, LastEscape);

    /// <summary>The bytes of a name, with a zero byte at the end, as system calls take it.</summary>
    public static byte[] ToBytes(ReadOnlySpan<char> name)
    {
        var bytes = new byte[(name.Length * 3) + 1];
        var count = 0;
        while (!name.IsEmpty)
        {
            if (name[0] is >= FirstEscape and <= LastEscape)
            {
                bytes[count++] = (byte)(name[0] - EscapeOffset);
                name = name[1..];
                continue;
            }

            Rune.DecodeFromUtf16(name, out var rune, out var length);
            count += rune.EncodeToUtf8(bytes.AsSpan(count));
            name = name[length..];
        }

        return bytes[..(count + 1)];
    }

    private static string FromBytes(ReadOnlySpan<byte> bytes)
    {
        var name = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
            if (status == System.Buffers.OperationStatus.Done)
            {
                name.Append(rune.ToString());
            }
            else
            {
                foreach (var stray in bytes[..length])
                {
                    name.Append((char)(EscapeOffset + stray));
                }
            }

            bytes = bytes[length..];
        }

        return name.ToString();
    }
}
