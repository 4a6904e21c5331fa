using EdgeProxy.Compression;

namespace EdgeProxy.StaticFiles;

/// <summary>One form in which a file can be sent: as it is, or in a content coding (RFC 9110 section 8.4).</summary>
/// <param name="Coding">Null: as it is.</param>
/// <param name="Tag">The bare entity tag of the file that it stems from; forms of one file share it.</param>
/// <param name="EntityTag">The strong tag of these very bytes, quoted: <c>"0123456789abcdef"</c>, <c>"0123456789abcdef-gzip"</c>.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Bytes">The content, where it is kept; null: it is read from <paramref name="Source"/> for each response.</param>
/// <param name="Source">The file with the content, or with what was compressed.</param>
/// <param name="Effort">How much was spent on it; <see cref="Compression.Effort.Best"/>: there is nothing better to come.</param>
internal sealed record Representation(
    ContentCoding? Coding, string Tag, string EntityTag, long Length, byte[]? Bytes, FileSource Source, Effort Effort = Effort.Best)
{
    /// <summary>A file as it is.</summary>
    public static Representation Of(FileSource source, byte[]? bytes)
    {
        var tag = source.Identity.Tag;
        return new Representation(Coding: null, tag, $"\"{tag}\"", source.Identity.Size, bytes, source);
    }

    /// <summary>A file that was compressed beforehand: it lies beside the one it was made from.</summary>
    public static Representation OfSidecar(ContentCoding coding, FileSource sidecar)
    {
        var tag = sidecar.Identity.Tag;
        return new Representation(coding, tag, $"\"{tag}-{coding.Name()}\"", sidecar.Identity.Size, Bytes: null, sidecar);
    }

    /// <summary>What was made of a file here.</summary>
    public static Representation OfCoded(ContentCoding coding, Effort effort, Representation plain, byte[] bytes)
    {
        // Other bytes under one strong tag would be a lie, so the quick form has its own.
        var suffix = effort == Effort.Quick ? "-quick" : "";
        return new Representation(coding, plain.Tag, $"\"{plain.Tag}-{coding.Name()}{suffix}\"", bytes.Length, bytes, plain.Source, effort);
    }

    /// <summary>Whether an entity tag that a client holds, without quotes, is of this content in any coding.</summary>
    /// <remarks>A client that has the gzip form of this content needs no new copy in another coding. Ranges, for which bytes count, are never taken from a
    /// coded form.</remarks>
    public bool Matches(ReadOnlySpan<char> opaqueTag) =>
        opaqueTag.StartsWith(Tag, StringComparison.Ordinal) && (opaqueTag.Length == Tag.Length || opaqueTag[Tag.Length] == '-');
}

/// <summary>The source of a representation's bytes.</summary>
/// <param name="Root">The directory.</param>
/// <param name="Name">The name in it.</param>
/// <param name="Identity">The state of the file that is meant.</param>
internal sealed record FileSource(RootDirectory Root, string Name, FileIdentity Identity);
