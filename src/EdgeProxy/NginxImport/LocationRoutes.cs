using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>The routes of a location, or of what a server block says outside of all: which paths they are for is written elsewhere.</summary>
/// <param name="http">The level of all servers, for upstreams.</param>
/// <param name="app">The blue/green app; null: it is not known, as a problem has said.</param>
internal sealed class LocationRoutes(ImportRemarks remarks, Level http, RewritePhase rewrites, BasicAuthReader passwords, string? app)
{
    private const string AppName = "app";
    private const long DefaultBodySize = 1 << 20;

    private readonly FieldReader _fields = new(remarks);
    private readonly StaticReader _files = new(remarks);

    /// <summary>A line that sends to the app, and its level.</summary>
    public (Directive Pass, Level Level)? AppLine { get; private set; }

    /// <summary>In order; each may have a <c>Match</c> to which the path is added.</summary>
    /// <param name="location">Null: the server block itself.</param>
    /// <param name="named">Named locations of the server.</param>
    public List<JsonObject> Read(Level level, Location? location, IReadOnlyDictionary<string, Directive> named, ServerPlace server)
    {
        if (level.Own.FirstOrDefault(line => line.Name == "internal") is { } hidden)
        {
            return [Internal(hidden, level, location, server)];
        }

        // Before access is looked at. The server's own have been read.
        var (before, rules, ends) = location is null ? ([], [], false) : rewrites.Read(level, location, server);
        return ends ? before : [.. before, .. Guard(Rewritten(Content(level, location, named, server), rules, level), level, server)];
    }

    /// <summary>What serves the requests that come so far.</summary>
    private List<JsonObject> Content(Level level, Location? location, IReadOnlyDictionary<string, Directive> named, ServerPlace server)
    {
        var routes = new List<JsonObject>();
        if (level.Own.FirstOrDefault(line => line.Name == "proxy_pass") is { } pass)
        {
            if (level.Own.FirstOrDefault(line => line.Name == "try_files") is { } both)
            {
                remarks.Problem(both.At, "try_files beside proxy_pass cannot be translated; write the proxy_pass into a location @app, and " +
                    "try_files $uri @app");
            }

            Add(routes, Proxy(pass, level, location, server));
        }
        else
        {
            var (files, fallback) = _files.Read(level, location);
            Add(routes, files is null ? null : _fields.AddTo(files, level, server, isForwarded: false));
            if (fallback is not null)
            {
                var target = named.GetValueOrDefault(fallback.Name);
                if (target?.Block is not { } block || block.FirstOrDefault(line => line.Name == "proxy_pass") is not { } behind)
                {
                    remarks.Problem(fallback.At, $"try_files goes on to {fallback.Name}, which is no location with a proxy_pass in this server; write one");
                }
                else if (block.FirstOrDefault(own => own.Name is "if" or "rewrite" or "return" or "try_files" or "allow" or "deny" or "auth_basic"
                    or "auth_basic_user_file") is { } further)
                {
                    remarks.Problem(further.At, $"'{further}' in {fallback.Name} cannot be translated; write it into the location that goes on to it");
                }
                else if (level.Outer is { } outer && level.Own.FirstOrDefault(own => own.Name is "allow" or "deny" or "auth_basic") is { } access
                    && (outer.All("allow", "deny").Count > 0 || outer.Last("auth_basic") is not null))
                {
                    remarks.Problem(access.At, $"'{access}' is not what the server says, which counts for {fallback.Name}; write one of them for both");
                }
                else
                {
                    Add(routes, Proxy(behind, new Level(block, level.Outer), location: null, server));
                }
            }
        }

        if (passwords.Read(level) is { } users)
        {
            foreach (var route in routes)
            {
                route["BasicAuth"] = users.DeepClone();
            }
        }

        return routes;
    }

    /// <summary>The routes for each of the rules, and for the paths of none.</summary>
    private List<JsonObject> Rewritten(List<JsonObject> routes, List<RewriteRule> rules, Level level)
    {
        if (rules.Count == 0)
        {
            return routes;
        }

        if (routes is not [var only] || only.ContainsKey("StripPrefix") || only.ContainsKey("Rewrite") || only.ContainsKey("Files")
            || level.Own.Any(own => own.Name == "proxy_pass" && own.Arguments is [var url] && url.EndsWith(ProxyTarget.RequestUri, StringComparison.Ordinal)))
        {
            var line = level.Own.First(own => own.Name == "rewrite");
            remarks.Problem(line.At, $"'{line}' is translated beside a proxy_pass without a URI; write the new path into that: proxy_pass http://HOST/new/");
            return routes;
        }

        SayOfEscapes(level.Own.First(own => own.Name == "rewrite"));
        var all = new List<JsonObject>();
        foreach (var rule in rules)
        {
            var route = only.DeepClone().AsObject();
            rule.Change(route);
            all.Add(route);
        }

        return rules.Exists(rule => rule.Regex is null) ? all : [.. all, only];
    }

    /// <summary>A page for errors that nobody may ask for. Other internal locations are for <c>X-Accel-Redirect</c>.</summary>
    private JsonObject Internal(Directive line, Level level, Location? location, ServerPlace server)
    {
        if (location is not { Kind: "=" } || !level.All("error_page").Any(page => page.Arguments.LastOrDefault() == location.Path))
        {
            remarks.Problem(line.At, "internal is translated for the page of an error_page; X-Accel-Redirect of an app is not followed; let the app send " +
                "such files, and remove the location");
        }

        return Refusal(StatusCodes.Status404NotFound, level, server);
    }

    /// <summary><c>allow</c> and <c>deny</c>, where all of one come before an end for all.</summary>
    private List<JsonObject> Guard(List<JsonObject> routes, Level level, ServerPlace server)
    {
        var rules = level.All("allow", "deny");
        if (rules.All(rule => rule.Name == "allow"))
        {
            return routes; // who is not named may come, too
        }

        var refused = Refusal(StatusCodes.Status403Forbidden, level, server);
        var (last, before) = (rules[^1], rules.SkipLast(1).ToList());
        if (last is { Name: "deny", Arguments: ["all"] } && before.TrueForAll(rule => rule is { Name: "allow", Arguments: [not "all"] }))
        {
            foreach (var route in routes.Where(_ => before.Count > 0))
            {
                var match = route["Match"] as JsonObject ?? [];
                match["ClientIn"] = List(before.Select(rule => rule.Arguments[0]));
                route["Match"] = match.Parent is null ? match : match.DeepClone();
            }

            return before.Count > 0 ? [.. routes, refused] : [refused];
        }

        var denied = last is { Name: "allow", Arguments: ["all"] } ? before : rules;
        if (denied.All(rule => rule is { Name: "deny", Arguments: [not "all"] }))
        {
            refused["Match"] = new JsonObject { ["ClientIn"] = List(denied.Select(rule => rule.Arguments[0])) };
            return [refused, .. routes];
        }

        remarks.Problem(last.At, "allow and deny can be translated in two forms: write allow ...; deny all; or deny ...; allow all;");
        return routes;
    }

    /// <summary>An error of nginx's own, with its <c>error_page</c> and what <c>add_header</c> says of errors.</summary>
    private JsonObject Refusal(int status, Level level, ServerPlace server)
    {
        var respond = new JsonObject { ["Status"] = status };
        if (ReturnReader.HasPage(level, status))
        {
            respond["AsError"] = true;
        }

        return _fields.AddTo(new JsonObject { ["Respond"] = respond }, level, server, isForwarded: false);
    }

    private JsonObject? Proxy(Directive pass, Level level, Location? location, ServerPlace server)
    {
        if (ProxyTarget.Read(pass, http.Own, remarks) is not { } target || !TryPath(pass, target, location, out var path))
        {
            return null;
        }

        if (level.Last("expires") is { Arguments: not ["off"] } expires)
        {
            remarks.Problem(expires.At, $"'{expires}' is translated for files; let the app say how long its responses last");
        }

        if (target.Servers.Any(address => address.StartsWith("https:", StringComparison.Ordinal)))
        {
            remarks.Problem(pass.At, $"'{pass}' cannot be translated: nginx does not verify the certificate, and EdgeProxy does; let the upstream speak HTTP");
        }

        var isApp = target.Slot is { } slot && app is not null && (slot == app || SlotChoice.IsSame(slot, app));
        if (isApp)
        {
            AppLine ??= (pass, level);
        }
        else if (target.Servers.FirstOrDefault(address => address.StartsWith("unix:", StringComparison.Ordinal)) is { } socket)
        {
            remarks.Problem(pass.At, $"{socket} cannot be translated: beside the app's, an upstream listens on TCP; let it listen at a port, and write that");
        }

        var route = path;
        if (isApp)
        {
            route["App"] = AppName;
        }
        else
        {
            route["Upstreams"] = List(target.Servers);
            if (target.Servers.Count > 1)
            {
                route["LoadBalancing"] = target.Policy;
                if (target.Servers.All(address => address.StartsWith("http:", StringComparison.Ordinal)))
                {
                    route["TryDuration"] = "00:00:00"; // nginx goes on to the next one
                }
            }
        }

        if (_fields.OfRequest(level, target, server) is { } fields)
        {
            route["RequestHeaders"] = fields;
        }

        SetLimit(route, level);
        return _fields.AddTo(route, level, server, isForwarded: true);
    }

    private void SetLimit(JsonObject route, Level level)
    {
        var size = DefaultBodySize;
        if (level.Last("client_max_body_size") is { } line && (line.Arguments is not [var text] || !Units.TrySize(text, out size)))
        {
            remarks.Problem(line.At, $"'{line}' is not understood; write client_max_body_size 10m");
        }

        if (size > 0)
        {
            route["MaxRequestBodySize"] = size;
        }
    }

    /// <summary>What the URI of a <c>proxy_pass</c> makes of the path.</summary>
    private bool TryPath(Directive pass, ProxyTarget target, Location? location, out JsonObject route)
    {
        route = [];
        switch (target.Uri, location)
        {
            case (null, _):
                return true;
            case ({ } uri, { Kind: "=" }):
                route["Rewrite"] = uri;
                return true;
            case ("/", { IsPrefix: true, Path: "/" }):
                return true; // nginx decodes the target, and encodes it anew
            case ({ } uri, { IsPrefix: true, Path: ['/', .., '/'] or "/" }) when uri.EndsWith('/') && !uri.Contains('?', StringComparison.Ordinal):
                if (location.Path != "/")
                {
                    route["StripPrefix"] = location.Path.TrimEnd('/');
                }

                if (uri != "/")
                {
                    route["Rewrite"] = $"{uri.TrimEnd('/')}{{uri}}";
                }

                SayOfEscapes(pass);
                return true;
            default:
                remarks.Problem(pass.At, $"'{pass}' puts {target.Uri} in place of a prefix that does not end as it does, which joins names; let both end " +
                    "with a slash");
                return false;
        }
    }

    private void SayOfEscapes(Directive line) => remarks.NoteOnce(
        line.At, "escapes", "a target whose path is changed keeps its escapes here; nginx decodes it, so that %2F becomes a slash");

    private static void Add(List<JsonObject> routes, JsonObject? route)
    {
        if (route is not null)
        {
            routes.Add(route);
        }
    }

    public static JsonArray List(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)JsonValue.Create(text))]);
}
