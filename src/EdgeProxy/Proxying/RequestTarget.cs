namespace EdgeProxy.Proxying;

/// <summary>Rules for the request target as it stood on the wire (RFC 9112 section 3.2).</summary>
internal static class RequestTarget
{
    /// <summary>The path and query of an origin-form or absolute-form target, byte for byte; null for any other form, and for one that names a user.</summary>
    public static string? PathAndQuery(string raw)
    {
        if (raw.StartsWith('/'))
        {
            return raw;
        }

        var authority = raw.IndexOf("://", StringComparison.Ordinal);
        if (authority < 0)
        {
            return null;
        }

        var path = raw.AsSpan(authority + 3).IndexOfAny('/', '?');
        if (raw.AsSpan(authority + 3, path < 0 ? raw.Length - authority - 3 : path).Contains('@'))
        {
            return null; // RFC 9110 section 4.2.4: to be treated as an error
        }

        return path < 0 ? "/"
            : raw[authority + 3 + path] == '/' ? raw[(authority + 3 + path)..]
            : "/" + raw[(authority + 3 + path)..];
    }

    /// <summary>The host and port of an absolute-form target; null for other forms.</summary>
    public static string? Authority(string raw)
    {
        var authority = raw.StartsWith('/') ? -1 : raw.IndexOf("://", StringComparison.Ordinal);
        if (authority < 0)
        {
            return null;
        }

        var rest = raw.AsSpan(authority + 3);
        var path = rest.IndexOfAny('/', '?');
        return (path < 0 ? rest : rest[..path]).ToString();
    }

    /// <summary>Whether it holds what no target may: a blank, a control character, anything beyond ASCII, or a fragment, which some servers cut off and others
    /// do not.</summary>
    public static bool HasForeignCharacter(ReadOnlySpan<char> target) => target.ContainsAnyExceptInRange('!', '~') || target.Contains('#');

    /// <summary>Whether a segment of the path is <c>.</c> or <c>..</c>, also percent-encoded, also between encoded or turned slashes.</summary>
    /// <remarks>
    /// The target goes to the app unchanged, while routes and static files are matched on the resolved path: the two must not
    /// disagree about which resource is meant, so such a target is refused.
    /// </remarks>
    public static bool HasDotSegment(ReadOnlySpan<char> target)
    {
        var query = target.IndexOf('?');
        var path = query < 0 ? target : target[..query];
        if (!path.ContainsAny('.', '%')) // most paths
        {
            return false;
        }

        var dots = 0; // in the segment so far; -1: it holds something else
        for (var i = 0; i < path.Length; i++)
        {
            var character = Decode(path, ref i);
            if (character is '/' or '\\')
            {
                if (dots is 1 or 2)
                {
                    return true;
                }

                dots = 0;
            }
            else
            {
                dots = character == '.' && dots >= 0 ? dots + 1 : -1;
            }
        }

        return dots is 1 or 2;

        // Only what matters here; the index is left on the last character read.
        static char Decode(ReadOnlySpan<char> path, ref int i)
        {
            if (path[i] != '%' || i + 2 >= path.Length)
            {
                return path[i];
            }

            var decoded = (path[i + 1], (char)(path[i + 2] | 0x20)) switch
            {
                ('2', 'e') => '.',
                ('2', 'f') => '/',
                ('5', 'c') => '\\',
                _ => '%',
            };
            i += decoded == '%' ? 0 : 2;
            return decoded;
        }
    }
}
