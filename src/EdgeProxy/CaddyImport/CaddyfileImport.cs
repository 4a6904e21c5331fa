using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport;

/// <summary>Translates a Caddyfile into settings that serve the same: all of it, or nothing.</summary>
internal static class CaddyfileImport
{
    /// <summary>Reads, translates and checks. Whatever is wrong is in the result, not an exception.</summary>
    /// <param name="file">The Caddyfile.</param>
    /// <param name="options">What it does not say.</param>
    /// <param name="environment">For <c>{$VARIABLE}</c>; null: it is not set.</param>
    /// <remarks>One site with one app has settings without <c>EdgeProxy:Sites</c>, which are shorter; these say all that is wrong, too.</remarks>
    public static ImportResult Run(string file, ImportOptions options, Func<string, string?> environment) =>
        new OneSiteImport(file).Run(options, environment) is { Settings: not null } plain ? plain : new SitesImport(file).Run(options, environment);
}
