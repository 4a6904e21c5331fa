namespace EdgeProxy.Sites;

/// <summary>The fields of a response by which browsers, proxies and delivery networks decide how long to keep it.</summary>
internal static class CacheFields
{
    private static readonly string[] _names = ["Cache-Control", "Expires", "Surrogate-Control", "Edge-Control", "X-Accel-Expires"];

    /// <summary>Whether a field is one of them; <c>*-Cache-Control</c> is how networks name their own (RFC 9213).</summary>
    /// <param name="field">A name, in any letter case.</param>
    public static bool Has(string field) =>
        _names.Contains(field, StringComparer.OrdinalIgnoreCase) || field.EndsWith("-Cache-Control", StringComparison.OrdinalIgnoreCase);

    /// <summary>Nobody keeps the response: an outage that is cached outlives the outage.</summary>
    public static void Forbid(IHeaderDictionary headers)
    {
        foreach (var name in headers.Keys.Where(Has).ToList())
        {
            headers.Remove(name);
        }

        headers.CacheControl = "no-store";
    }
}
