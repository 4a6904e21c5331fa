using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace EdgeProxy.StaticFiles;

/// <summary>What the conditions of a request come to.</summary>
internal enum Precondition
{
    Met,

    /// <summary>304: the client has it.</summary>
    NotModified,

    /// <summary>412: the client means another version.</summary>
    Failed,
}

/// <summary>Conditional GET and HEAD, in the order of RFC 9110 section 13.2.2.</summary>
/// <remarks>
/// The framework parses; the decision is made here, because its own (<c>Results.File</c>) compares <c>If-None-Match</c> strongly, where a weak
/// comparison is due (section 13.1.2): a tag that a proxy on the way has weakened would never be found again.
/// </remarks>
internal static class Preconditions
{
    /// <param name="held">With <see cref="Precondition.NotModified"/>: the client's own tag, by which it finds what it has.</param>
    public static Precondition Evaluate(IHeaderDictionary headers, Representation content, DateTimeOffset lastModified, out string held)
    {
        held = content.EntityTag;
        if (headers.IfMatch.Count > 0)
        {
            if (!Holds(headers.IfMatch, content, weakly: false, ref held))
            {
                return Precondition.Failed;
            }
        }
        else if (TryDate(headers.IfUnmodifiedSince, out var unmodifiedSince) && lastModified > unmodifiedSince)
        {
            return Precondition.Failed;
        }

        if (headers.IfNoneMatch.Count > 0)
        {
            return Holds(headers.IfNoneMatch, content, weakly: true, ref held) ? Precondition.NotModified : Precondition.Met;
        }

        return TryDate(headers.IfModifiedSince, out var modifiedSince) && lastModified <= modifiedSince ? Precondition.NotModified : Precondition.Met;
    }

    /// <summary>Whether a range may be sent: the client's part is of this very version (section 13.1.5), or it does not ask.</summary>
    public static bool IfRangeHolds(StringValues ifRange, Representation content, DateTimeOffset lastModified)
    {
        if (ifRange.Count == 0)
        {
            return true;
        }

        return ifRange.Count == 1 && RangeConditionHeaderValue.TryParse(ifRange[0], out var condition)
            && (condition.EntityTag is { } tag ? !tag.IsWeak && tag.Tag == content.EntityTag : condition.LastModified == lastModified);
    }

    private static bool Holds(StringValues header, Representation content, bool weakly, ref string held)
    {
        // What browsers send back: nothing to parse.
        if (header.Count == 1 && header[0] == content.EntityTag)
        {
            return true;
        }

        if (!EntityTagHeaderValue.TryParseList(header!, out var tags))
        {
            return false;
        }

        foreach (var tag in tags)
        {
            if (tag.Equals(EntityTagHeaderValue.Any))
            {
                return true;
            }

            if ((weakly || !tag.IsWeak) && content.Matches(tag.Tag.AsSpan().Trim('"')))
            {
                // The same tag weakened on the way is the same; that of another coding is how the client knows its copy.
                held = tag.Tag == content.EntityTag ? held : tag.ToString();
                return true;
            }
        }

        return false;
    }

    private static bool TryDate(StringValues header, out DateTimeOffset date)
    {
        date = default;
        return header.Count == 1 && HeaderUtilities.TryParseDate(header[0], out date);
    }
}
