namespace EdgeProxy.Proxying;

/// <summary>
/// Reads <c>Content-Length</c> as RFC 9110 section 8.6 has it: digits alone. Kestrel takes a sign as well (<c>+5</c>, <c>-0</c>) and keeps no more than the
/// number (until dotnet/aspnetcore#67635); more than 20 bytes are an error of its own to it, not the client's.
/// </summary>
/// <remarks>
/// What is none becomes <see cref="Invalid"/>, which <see cref="RequestFraming"/> refuses, and not letters, which Kestrel would refuse itself: over HTTP/2
/// with the end of the connection and all its streams (RFC 9113 section 8.1.1: a malformed request is an error of its stream).
/// </remarks>
internal sealed class ContentLengthDecoder : HeaderDecoder
{
    /// <summary>Nobody can send so much.</summary>
    public const long Invalid = long.MaxValue;

    private const string InvalidDigits = "9223372036854775807";

    public static ContentLengthDecoder Instance { get; } = new();

    public override int GetCharCount(ReadOnlySpan<byte> bytes) => IsLength(bytes) ? bytes.Length : InvalidDigits.Length;

    public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
    {
        if (IsLength(bytes))
        {
            return Latin1.GetChars(bytes, chars);
        }

        InvalidDigits.CopyTo(chars);
        return InvalidDigits.Length;
    }

    private static bool IsLength(ReadOnlySpan<byte> bytes) =>
        bytes.Length > 0 && bytes.Length < InvalidDigits.Length && !bytes.ContainsAnyExceptInRange((byte)'0', (byte)'9');
}
