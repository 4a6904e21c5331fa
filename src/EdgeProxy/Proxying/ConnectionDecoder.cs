using System.Text;

namespace EdgeProxy.Proxying;

/// <summary>
/// Keeps all options of <c>Connection</c> for <see cref="RequestConnectionOptions"/>. Where Kestrel finds exactly one of <c>keep-alive</c>, <c>close</c> and
/// <c>upgrade</c>, it sets the header to that one (<c>HttpHeaders.ParseConnection</c>), and the names beside it are lost. With two it leaves the header alone.
/// </summary>
/// <remarks>
/// So <c>close</c> and <c>upgrade</c> get a <c>keep-alive</c> beside them, which changes nothing: <c>close</c> wins, and HTTP/1.1 connections are kept
/// anyway. A <c>keep-alive</c> beside other names is blanked out; over HTTP/1.0 the connection ends then. Only names in another line than a
/// <c>keep-alive</c> that stands alone are still lost.
/// </remarks>
internal sealed class ConnectionDecoder : HeaderDecoder
{
    private const string Companion = ", keep-alive";

    private static ReadOnlySpan<byte> KeepAlive => "keep-alive"u8;

    public static ConnectionDecoder Instance { get; } = new();

    public override int GetCharCount(ReadOnlySpan<byte> bytes) => bytes.Length + (NeedsCompanion(bytes) ? Companion.Length : 0);

    public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
    {
        var length = Latin1.GetChars(bytes, chars);
        var (keepsAlive, closesOrUpgrades) = Read(bytes);
        if (closesOrUpgrades && !keepsAlive)
        {
            Companion.CopyTo(chars[length..]);
            return length + Companion.Length;
        }

        if (keepsAlive && !closesOrUpgrades && !Ascii.EqualsIgnoreCase(bytes, KeepAlive))
        {
            foreach (var range in bytes.Split((byte)','))
            {
                if (Ascii.EqualsIgnoreCase(Trim(bytes[range]), KeepAlive))
                {
                    chars[range].Fill(' ');
                }
            }
        }

        return length;
    }

    private static bool NeedsCompanion(ReadOnlySpan<byte> bytes) => Read(bytes) is (KeepsAlive: false, ClosesOrUpgrades: true);

    private static (bool KeepsAlive, bool ClosesOrUpgrades) Read(ReadOnlySpan<byte> bytes)
    {
        var (keepsAlive, closesOrUpgrades) = (false, false);
        foreach (var range in bytes.Split((byte)','))
        {
            var option = Trim(bytes[range]);
            keepsAlive |= Ascii.EqualsIgnoreCase(option, KeepAlive);
            closesOrUpgrades |= Ascii.EqualsIgnoreCase(option, "close"u8) || Ascii.EqualsIgnoreCase(option, "upgrade"u8);
        }

        return (keepsAlive, closesOrUpgrades);
    }

    /// <summary>Kestrel takes no tab for a blank; here it does no harm.</summary>
    private static ReadOnlySpan<byte> Trim(ReadOnlySpan<byte> option) => option.Trim(" \t"u8);
}
