using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.Compression;

/// <summary>Entity tags of responses that are compressed on their way: a strong tag names the very bytes, so <c>"v1"</c> becomes <c>"v1-gzip"</c> (RFC 9110
/// section 8.8.3.3).</summary>
internal static class CodedTags
{
    /// <summary>The tag for the client. A weak one says no more than that the content is the same, which it is.</summary>
    public static string Code(string tag, ContentCoding coding) =>
        tag.StartsWith('"') && tag.EndsWith('"') && tag.Length > 1 ? $"{tag[..^1]}-{coding.Name()}\"" : tag;

    /// <summary>The tags for the app, which knows its own: each that may have been made by <see cref="Code"/> is followed by what it was made from.</summary>
    /// <remarks>Followed, not replaced: an app may have tags of its own that end like that.</remarks>
    /// <param name="header"><c>If-None-Match</c> or <c>If-Match</c>.</param>
    /// <param name="tags">The header for the app.</param>
    /// <returns>False: it stays as it is.</returns>
    public static bool TryAddOriginals(StringValues header, out string tags)
    {
        tags = "";
        if (!MayHoldCoded(header) || !EntityTagHeaderValue.TryParseList(header!, out var list))
        {
            return false;
        }

        tags = string.Join(
            ", ",
            list.SelectMany(
                tag => Original(tag.Tag.Value!) is { } original ? [tag.ToString(), (tag.IsWeak ? "W/" : "") + original] : new[] { tag.ToString() }));
        return true;
    }

    /// <summary>The tag by which the client knows what the app calls <paramref name="tag"/>; null: by that one, or not at all.</summary>
    /// <param name="ifNoneMatch">What the client has sent.</param>
    public static string? Held(StringValues ifNoneMatch, string tag) =>
        MayHoldCoded(ifNoneMatch) && EntityTagHeaderValue.TryParseList(ifNoneMatch!, out var list) && !list.Any(held => held.ToString() == tag)
            ? list.FirstOrDefault(held => Original(held.Tag.Value!) == tag)?.ToString()
            : null;

    /// <summary>What a quoted tag was made from; null: it has no such ending.</summary>
    private static string? Original(string tag)
    {
        foreach (var coding in ContentCodings.All)
        {
            var name = coding.Name();
            if (tag.Length > name.Length + 3 && tag.AsSpan(0, tag.Length - 1).EndsWith(name, StringComparison.Ordinal) && tag[^(name.Length + 2)] == '-')
            {
                return tag[..^(name.Length + 2)] + '"';
            }
        }

        return null;
    }

    /// <summary>Most requests have no such header, and are not parsed.</summary>
    private static bool MayHoldCoded(StringValues header) => header.Count > 0 && header.Any(line => line?.Contains('-', StringComparison.Ordinal) == true);
}
