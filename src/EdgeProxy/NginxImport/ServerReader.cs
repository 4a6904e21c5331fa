using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>A <c>server</c> block: its routes in the order in which nginx chooses a location.</summary>
internal sealed class ServerReader(ImportRemarks remarks, Level http, LocationRoutes routes, RewritePhase rewrites)
{
    private readonly FieldReader _fields = new(remarks);
    private readonly ErrorPageReader _errors = new(remarks);

    /// <summary>The keys of a site but those of its place.</summary>
    public JsonObject Read(Directive server, ServerPlace place)
    {
        var level = new Level(server.Block ?? [], http);
        var named = new Dictionary<string, Directive>(StringComparer.Ordinal);
        var locations = new List<Location>();
        foreach (var directive in level.Own.Where(line => line.Name == "location"))
        {
            if (directive.Arguments is [['@', ..] name])
            {
                named[name] = directive;
            }
            else if (Location.Read(directive, remarks) is { } location)
            {
                locations.Add(location);
            }
        }

        var (all, _, ends) = rewrites.Read(level, location: null, place);
        if (!ends)
        {
            all.AddRange(Redirects(locations, level, place));
            all.AddRange(InOrder(locations).SelectMany(location => RoutesOf(location, level, locations, named, place)));
        }

        if (!ends && !locations.Exists(location => location is { IsPrefix: true, Path: "/" }))
        {
            all.AddRange(routes.Read(level, location: null, named, place));
        }

        var site = new JsonObject();
        foreach (var (key, value) in _errors.Read(level, locations))
        {
            site[key] = value?.DeepClone();
        }

        site["Routes"] = new JsonArray([.. all]);
        return site;
    }

    /// <summary>Exact ones, prefixes that shut out regular expressions, regular expressions as they stand, and prefixes, the longest first.</summary>
    private static IEnumerable<Location> InOrder(List<Location> locations) => locations.OrderBy(location => location.Kind switch
    {
        "=" => 0,
        "^~" => 1,
        "~" or "~*" => 2,
        _ => 3,
    }).ThenByDescending(location => location.IsPrefix ? location.Path.Length : 0);

    private IEnumerable<JsonObject> RoutesOf(
        Location location, Level server, List<Location> all, Dictionary<string, Directive> named, ServerPlace place)
    {
        // A longer prefix is the one that is looked up, and its kind decides whether regular expressions are tried.
        var longer = location.Kind == "^~" ? all.Where(other => other is { Kind: "" } && other.Path != location.Path && location.Takes(other.Path)) : [];
        foreach (var route in routes.Read(new Level(location.Source.Block ?? [], server), location, named, place))
        {
            var match = route["Match"] as JsonObject ?? [];
            if (location.Regex is { } regex)
            {
                match.TryAdd("PathRegex", JsonValue.Create(regex)); // a rewrite has one that says more
            }

            if (longer.ToList() is { Count: > 0 } others)
            {
                match = IfCondition.Join(
                    match, new JsonObject { ["Not"] = new JsonArray([.. others.Select(other => (JsonNode)new JsonObject { ["PathRegex"] = other.Regex })]) })!;
            }

            if (match.Count > 0)
            {
                route["Match"] = match.Parent is null ? match : match.DeepClone();
            }

            yield return route;
        }
    }

    /// <summary><c>location /api/</c> with a <c>proxy_pass</c> sends <c>/api</c> on to <c>/api/</c>, unless that has a location of its own.</summary>
    private IEnumerable<JsonObject> Redirects(List<Location> locations, Level level, ServerPlace place) => locations
        .Where(location => location is { IsPrefix: true, Path: [_, .., '/'] } && location.Source.Block?.Any(line => line.Name == "proxy_pass") == true
            && !locations.Exists(other => !other.IsRegex && other.Path == location.Path[..^1]))
        .Select(location => _fields.AddTo(
            new JsonObject
            {
                ["Match"] = new JsonObject { ["PathRegex"] = $"^{Location.Escape(location.Path[..^1])}$" },
                ["Redirect"] = new JsonObject
                {
                    ["To"] = $"{place.Origin}{location.Path}{{is_args}}{{query}}",
                    ["Status"] = StatusCodes.Status301MovedPermanently,
                },
            },
            new Level(location.Source.Block!, level),
            place,
            isForwarded: false));
}
