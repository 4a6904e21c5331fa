using System.Text;

namespace EdgeProxy.Proxying;

/// <summary>
/// How Kestrel decodes the values of request headers (<c>RequestHeaderEncodingSelector</c>): the only place where two of them are seen as they came.
/// </summary>
internal static class HeaderDecoding
{
    /// <summary>Byte for byte (Latin-1), but for what Kestrel reads more loosely than it should. Called for each header of each request.</summary>
    public static Encoding Of(string header) => header.Length switch
    {
        14 when header.Equals("Content-Length", StringComparison.OrdinalIgnoreCase) => ContentLengthDecoder.Instance,
        10 when header.Equals("Connection", StringComparison.OrdinalIgnoreCase) => ConnectionDecoder.Instance,
        _ => Encoding.Latin1,
    };
}

/// <summary>An encoding that is only read with. Kestrel asks for the length first, then for the characters, by pointers or by spans.</summary>
internal abstract class HeaderDecoder : Encoding
{
    /// <summary>How many characters <see cref="GetChars(ReadOnlySpan{byte}, Span{char})"/> writes.</summary>
    public abstract override int GetCharCount(ReadOnlySpan<byte> bytes);

    public abstract override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars);

    public override unsafe int GetCharCount(byte* bytes, int count) => GetCharCount(new ReadOnlySpan<byte>(bytes, count));

    public override unsafe int GetChars(byte* bytes, int byteCount, char* chars, int charCount) =>
        GetChars(new ReadOnlySpan<byte>(bytes, byteCount), new Span<char>(chars, charCount));

    public override int GetCharCount(byte[] bytes, int index, int count) => GetCharCount(bytes.AsSpan(index, count));

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
        GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

    public override int GetMaxCharCount(int byteCount) => byteCount + 20;

    public override int GetByteCount(char[] chars, int index, int count) => Latin1.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetMaxByteCount(int charCount) => Latin1.GetMaxByteCount(charCount);
}
