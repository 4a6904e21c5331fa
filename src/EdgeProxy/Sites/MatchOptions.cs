using EdgeProxy.Configuration;

namespace EdgeProxy.Sites;

/// <summary>Conditions on a request. All that are there have to hold; of a list, one.</summary>
internal class ConditionOptions
{
    /// <summary>Hosts, as those of a site; null or empty: every host of the site.</summary>
    public TextList? Hosts { get; set; }

    /// <summary>Methods; null or empty: every method. Letter case matters (RFC 9110 section 9.1).</summary>
    public TextList? Methods { get; set; }

    /// <summary>Values of header fields, with a star at the begin, the end or both; <c>*</c>: the field is there. Null or empty: any.</summary>
    public Dictionary<string, TextList>? Headers { get; set; }

    /// <summary>Values of parameters of the query, of which the first of a name counts; <c>*</c>: the parameter is there. Null or empty: any.</summary>
    public Dictionary<string, TextList>? Query { get; set; }

    /// <summary>Regular expressions (RE2 syntax) of which one is found in the path: decoded, with single slashes; letter case matters. Null or empty: every
    /// path.</summary>
    public TextList? PathRegex { get; set; }

    /// <summary>Regular expressions (RE2 syntax) of which one is found in a value of the header field. Null or empty: any.</summary>
    public Dictionary<string, TextList>? HeaderRegex { get; set; }

    /// <summary>Absolute paths on disk of which one is there: <c>/srv/maintenance.on</c> is a file, a slash at the end means a directory, and <c>{path}</c> is
    /// the path of the request, decoded. Null or empty: any.</summary>
    public TextList? FileExists { get; set; }

    /// <summary>Networks (CIDR) or addresses of clients; null or empty: every client.</summary>
    public TextList? ClientIn { get; set; }

    /// <summary><c>http</c> or <c>https</c>, in any letter case, as the client has it; null: both.</summary>
    public string? Scheme { get; set => field = value?.ToLowerInvariant(); }
}

/// <summary>Conditions of a route beside its path.</summary>
internal sealed class MatchOptions : ConditionOptions
{
    /// <summary>Networks (CIDR) or addresses whose clients do not match; null or empty: none.</summary>
    public TextList? ClientNotIn { get; set; }

    /// <summary>None of these holds; null or empty: nothing.</summary>
    public NotOptions[]? Not { get; set; }
}

/// <summary>Conditions that, all together, keep a request from a route.</summary>
internal sealed class NotOptions : ConditionOptions
{
    /// <summary>Paths, as of a route; null or empty: every path.</summary>
    public TextList? Path { get; set; }
}
