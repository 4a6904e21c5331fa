using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Routes;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>Turns the steps of a site into the paths that EdgeProxy serves from disk, the app that gets the rest, and what is compressed.</summary>
/// <remarks>
/// The paths that matchers name cut a site into regions, in each of which every matcher says the same to all requests. A request of each is followed
/// through Caddy's order of steps; what it meets at its end is what the settings must say of that region.
/// </remarks>
internal sealed class SiteRouting(ImportRemarks remarks, SettingsDraft draft)
{
    /// <summary>The key of the app's address in the draft; it is taken out before the draft is written.</summary>
    public const string UpstreamKey = "the app's address";

    /// <param name="steps">Of the site, in Caddy's order.</param>
    /// <param name="site">Its address.</param>
    public void Apply(IReadOnlyList<Step> steps, SourceLine site)
    {
        var before = remarks.ProblemCount;
        var walks = Regions(steps).Select(region => Walk(region, steps)).ToList();
        if (remarks.ProblemCount > before)
        {
            return;
        }

        var rest = walks[0];
        if (rest.End is not ProxyStep { Upstream: { } upstream } app)
        {
            remarks.Problem(rest.End?.Source.At ?? site, rest.End is FilesStep
                ? "file_server takes every request that no other directive takes, so the app gets none; EdgeProxy is the front door of an app: serve a site " +
                    "of files alone by another server"
                : "no reverse_proxy takes the requests that no other directive takes; EdgeProxy needs an app to send them to");
            return;
        }

        draft.Set(UpstreamKey, JsonValue.Create(upstream), app.Source.At);
        draft.Set("EdgeProxy:StaticFiles", StaticFiles(walks, upstream), site);
        SetCompression(walks, site);
        NoteUnreached(steps, [.. walks.SelectMany(walk => walk.Reached)]);
        foreach (var header in walks.SelectMany(walk => walk.CacheHeaders).Distinct())
        {
            remarks.Problem(header.At, $"'{header}' changes responses, which settings without sites leave as they are");
        }
    }

    /// <summary>The rest first, then by length, so that a path comes behind those above it.</summary>
    private static IEnumerable<string> Regions(IReadOnlyList<Step> steps) =>
        PrefixesOf(steps).Append("").Distinct(StringComparer.OrdinalIgnoreCase).OrderBy(region => region.Length);

    private static IEnumerable<string> PrefixesOf(IReadOnlyList<Step> steps) => steps.SelectMany(step =>
        step.Matcher.Conditions.SelectMany(condition => condition.Prefixes).Concat(step is BlockStep block ? PrefixesOf(block.Body) : []));

    private RegionWalk Walk(string region, IReadOnlyList<Step> steps)
    {
        var walk = new RegionWalk(region, remarks);
        walk.Run(steps, isSorted: true);
        return walk;
    }

    private JsonArray StaticFiles(List<RegionWalk> walks, string upstream)
    {
        var roots = new Dictionary<string, (string Root, IReadOnlyList<string> Index)?> { [""] = null }; // null: the app's
        var entries = new JsonArray();
        foreach (var walk in walks.Skip(1))
        {
            var above = PathTree.Above(walk.Region, roots.Keys)!;
            var held = roots[above];
            var inherited = held is null ? null : held.Value.Root + walk.Region[above.Length..];
            switch (walk.End)
            {
                case ProxyStep proxy:
                    CheckProxy(walk, proxy, upstream, inherited is null ? null : above);
                    break;
                case FilesStep files when RootOf(walk, files) is { } own && (own != inherited || !files.Index.SequenceEqual(held!.Value.Index)):
                    roots[walk.Region] = (own, files.Index);
                    var entry = new JsonObject
                    {
                        ["Path"] = new PathString(walk.Region).ToUriComponent() + "/", // as Caddy's /static/*, not /static itself
                        ["Root"] = own,
                        ["Index"] = new JsonArray([.. files.Index.Select(name => (JsonNode)JsonValue.Create(name))]),
                        ["CacheControl"] = ImportedFiles.CacheControl(),
                    };
                    if (walk.Stripped.Length == 0)
                    {
                        entry["ExactCase"] = true; // Caddy's matcher takes any letters, and what the client wrote is looked for on the disk
                    }

                    if (FilesReader.CaddyfileBelow(own, files.Source.At) is { } caddyfile)
                    {
                        entry["Hide"] = new JsonArray(JsonValue.Create(caddyfile));
                    }

                    entries.Add((JsonNode)entry);
                    remarks.NoteOnce(files.Source.At, "Cache-Control of files", ImportedFiles.WithoutCacheControl);
                    RootNotes.Add(walk, files.Source.At, own, remarks);
                    break;
                case null:
                    remarks.Problem(
                        walk.Reached.Last().Source.At,
                        $"nothing responds to the requests beneath {walk.Region}, so Caddy sends empty pages; send them to the app, or serve them from files");
                    break;
            }
        }

        return entries;
    }

    private void CheckProxy(RegionWalk walk, ProxyStep proxy, string upstream, string? files)
    {
        var at = proxy.Source.At;
        if (proxy.Upstream is not null && proxy.Upstream != upstream)
        {
            remarks.Problem(
                at,
                $"sends {walk.Region} to {proxy.Upstream}, and the rest goes to {upstream}; EdgeProxy's slots run one app: let the app serve it, or add a " +
                    "route for it to the section ReverseProxy of the settings by hand");
        }
        else if (walk.Stripped.Length > 0)
        {
            remarks.Problem(
                at,
                $"sends requests without their beginning {walk.Stripped} to the app; EdgeProxy sends paths as they come: let the app's URLs have the prefix");
        }
        else if (files is not null)
        {
            remarks.Problem(
                at,
                $"sends {walk.Region} to the app, but it lies beneath {files}, which is served from files; EdgeProxy's static paths own all beneath them: " +
                    "move one of the two");
        }
    }

    /// <summary>Caddy looks for a file at its root and the whole path behind it; only what was stripped is left out.</summary>
    private string? RootOf(RegionWalk walk, FilesStep files)
    {
        if (walk.Directory?.StartsWith('/') == true && !CaddyValue.HasPlaceholder(walk.Directory))
        {
            return walk.Directory.TrimEnd('/') + walk.Region[walk.Stripped.Length..];
        }

        remarks.Problem(files.Source.At, walk.Directory is null
            ? "file_server has no root here, so that Caddy serves the directory it was started in; name one: root * /srv/app/staticfiles"
            : $"the root {walk.Directory} is not an absolute path without placeholders; write it as /srv/app/staticfiles");
        return null;
    }

    private void SetCompression(List<RegionWalk> walks, SourceLine site)
    {
        var encode = walks[0].Encode;
        draft.Set(
            "EdgeProxy:Compression:Encodings",
            new JsonArray([.. (encode?.Encodings ?? []).Select(encoding => JsonValue.Create(encoding))]),
            encode?.Source.At ?? site);
        foreach (var walk in walks.Skip(1).Where(walk => !IsAlike(walk.Encode, encode)))
        {
            if (walk.Encode is not null)
            {
                remarks.Problem(
                    walk.Encode.Source.At,
                    $"compresses {walk.Region} otherwise than the rest; EdgeProxy compresses all alike, but for paths that are left out: write one encode " +
                        "for the site");
            }
            else if (PathTree.Above(walk.Region, walks.Skip(1).Where(other => other.Encode is null).Select(other => other.Region)) is null)
            {
                draft.Append("EdgeProxy:Compression:ExcludePaths", new PathString(walk.Region).ToUriComponent(), encode!.Source.At);
            }
        }
    }

    private static bool IsAlike(EncodeStep? one, EncodeStep? other) =>
        one is null || other is null ? one == other : one.Encodings.SequenceEqual(other.Encodings);

    private void NoteUnreached(IReadOnlyList<Step> steps, HashSet<Step> reached)
    {
        foreach (var step in steps)
        {
            if (!reached.Contains(step))
            {
                remarks.Note(step.Source.At, $"'{step.Source}' has no effect, in Caddy neither: other directives take all its requests before it");
            }
            else if (step is BlockStep block)
            {
                NoteUnreached(block.Body, reached);
            }
        }
    }
}
