using System.Globalization;

namespace EdgeProxy.StaticFiles;

/// <summary>One form in which a file can be sent: as it is, or in a content coding (RFC 9110 section 8.4).</summary>
/// <param name="ContentCoding">E.g. <c>gzip</c>; null: as it is.</param>
/// <param name="Tag">The bare entity tag of the file that it stems from; forms of one file share it.</param>
/// <param name="EntityTag">The strong tag of these very bytes, quoted: <c>"0123456789abcdef"</c>, <c>"0123456789abcdef-gzip"</c>.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Bytes">The content, where it is small enough to be kept; null: it is read from <paramref name="Source"/> for each response.</param>
/// <param name="Source">The file with the content.</param>
internal sealed record Representation(string? ContentCoding, string Tag, string EntityTag, long Length, byte[]? Bytes, FileSource Source)
{
    public string LengthText { get; } = Length.ToString(CultureInfo.InvariantCulture);

    /// <summary>A file as it is.</summary>
    public static Representation Of(FileSource source, byte[]? bytes)
    {
        var tag = source.Identity.Tag;
        return new Representation(ContentCoding: null, tag, $"\"{tag}\"", source.Identity.Size, bytes, source);
    }

    /// <summary>Whether an entity tag that a client holds, without quotes, is of this content in any coding.</summary>
    /// <remarks>Who has the gzip form of this content needs no new copy in another coding. Ranges, for which bytes count, are never taken from a coded form.</remarks>
    public bool Matches(ReadOnlySpan<char> opaqueTag) =>
        opaqueTag.StartsWith(Tag, StringComparison.Ordinal) && (opaqueTag.Length == Tag.Length || opaqueTag[Tag.Length] == '-');
}

/// <summary>Where bytes come from.</summary>
/// <param name="Root">The directory.</param>
/// <param name="Name">The name in it.</param>
/// <param name="Identity">The state of the file that is meant.</param>
internal sealed record FileSource(RootDirectory Root, string Name, FileIdentity Identity);
