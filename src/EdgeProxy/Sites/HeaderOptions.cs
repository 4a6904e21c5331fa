using EdgeProxy.Configuration;

namespace EdgeProxy.Sites;

/// <summary>Changes of a header, in this order: remove, set, add, default.</summary>
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
}
