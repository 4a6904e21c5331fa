using EdgeProxy.Configuration;

namespace EdgeProxy.Sites;

/// <summary>Changes of a header, in this order: remove, set, add, default, replace.</summary>
internal sealed class HeaderOptions
{
    /// <summary>Fields to remove: names, with a star at the begin or the end for several (<c>X-Powered-*</c>). Null or empty: none.</summary>
    public TextList? Remove { get; set; }

    /// <summary>Fields with one value, whatever they had. Values may have <c>{host}</c>, <c>{hostport}</c>, <c>{uri}</c>, <c>{path}</c>, <c>{query}</c>,
    /// <c>{method}</c>, <c>{scheme}</c> and <c>{remote_host}</c>. Null or empty: none.</summary>
    public Dictionary<string, string>? Set { get; set; }

    /// <summary>Values to add to those that are there. Null or empty: none.</summary>
    public Dictionary<string, TextList>? Add { get; set; }

    /// <summary>Values of fields that are not there. Null or empty: none.</summary>
    public Dictionary<string, string>? Default { get; set; }

    /// <summary>Parts of values to replace, in each value that the field has then; of responses. Null or empty: none.</summary>
    public Dictionary<string, ReplaceOptions>? Replace { get; set; }
}

/// <summary>A part of the value of a header field that becomes another one.</summary>
internal sealed class ReplaceOptions
{
    /// <summary>A regular expression (RE2 syntax); all that it finds is replaced. Required.</summary>
    public string? Search { get; set; }

    /// <summary>What comes there: <c>${1}</c> is the first group, <c>${0}</c> all that was found, and a <c>$</c> is written <c>$$</c>. Null or
    /// empty: nothing.</summary>
    public string? With { get; set; }
}
