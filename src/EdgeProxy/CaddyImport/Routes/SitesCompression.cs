using System.Text.Json.Nodes;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>What is compressed: EdgeProxy has one list of codings for all sites, and paths that are left out.</summary>
internal sealed class SitesCompression(ImportRemarks remarks, SettingsDraft behaviour)
{
    private const string Prefix = "/*";

    /// <param name="sites">The routes of all sites.</param>
    /// <param name="file">The Caddyfile.</param>
    public void Set(IReadOnlyList<(IReadOnlyList<MadeRoute> Routes, SourceLine At)> sites, SourceLine file)
    {
        var encodings = sites.SelectMany(site => site.Routes).SelectMany(route => route.Encodings ?? []).Distinct().ToList();
        behaviour.Set("EdgeProxy:Compression:Encodings", new JsonArray([.. encodings.Select(encoding => JsonValue.Create(encoding))]), file);
        foreach (var (routes, at) in sites.Where(_ => encodings.Count > 0))
        {
            var others = routes.Where(route => route.Encodings is null && !route.HasNoBody).ToList();
            if (others.Count > 0 && routes.Any(route => route.Encodings is not null) && others.TrueForAll(IsPrefix))
            {
                foreach (var path in others.SelectMany(route => route.Condition.Paths!.Value).Distinct())
                {
                    behaviour.Append("EdgeProxy:Compression:ExcludePaths", new PathString(path[..^Prefix.Length]).ToUriComponent(), at);
                }
            }
            else if (others.Count > 0)
            {
                remarks.Note(at, $"is not compressed by Caddy, or not all of it; EdgeProxy offers {string.Join(", ", encodings)} for all that it " +
                    "serves, as other lines say");
            }
        }
    }

    private static bool IsPrefix(MadeRoute route) => route.Condition is { IsByPath: true, Paths: { } paths }
        && paths.All(path => path.StartsWith('/') && path.EndsWith(Prefix, StringComparison.Ordinal) && path.Count(character => character == '*') == 1);
}
