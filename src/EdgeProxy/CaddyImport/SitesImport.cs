using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Routes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport;

/// <summary>Any other Caddyfile: settings with <c>EdgeProxy:Sites</c>, and all that is wrong with it.</summary>
internal sealed class SitesImport(string file) : ImportRun(file, hasSites: true)
{
    private readonly List<(IReadOnlyList<MadeRoute> Routes, SourceLine At)> _made = [];

    protected override void Translate(CaddyfileSyntax caddyfile, ImportOptions options)
    {
        var app = UpstreamNames.Choose([.. UpstreamNames.OfAll(caddyfile.Sites.SelectMany(site => site.Statements))], options, File, Remarks);
        var proxies = new ProxyReader(app, Remarks, Behaviour);
        var places = new SitePlaces(Remarks, Global);
        var read = caddyfile.Sites.Select(block => Read(block, proxies, places)).ToList();
        places.RequireAlike();
        var sites = new JsonArray();
        foreach (var site in read)
        {
            foreach (var place in places.Of(site.Addresses, site.Binds, site.IsOfAuthority))
            {
                sites.Add((JsonNode)WithContent(place, site));
            }
        }

        RefuseClientsOfProxies(caddyfile.Sites.SelectMany(site => site.Statements));
        Server.Replace("EdgeProxy:Sites", sites, File); // placeholders in it are EdgeProxy's
        new SitesCompression(Remarks, Behaviour).Set(_made, File);
        Listening.FinishSites(File);
        if (app is not null)
        {
            SlotChoice.Apply(app, proxies.AppLine ?? File, options, Server, Remarks);
        }

        SetDefaults(options);
    }

    /// <summary>Behind a trusted proxy <c>remote_ip</c> is the proxy's address to Caddy, and the client's to EdgeProxy: access would change.</summary>
    private void RefuseClientsOfProxies(IEnumerable<Statement> statements)
    {
        const string Trusted = "EdgeProxy:TrustedProxies";
        if ((Server.HasItems(Trusted) || Behaviour.HasItems(Trusted))
            && Flatten(statements).FirstOrDefault(line => line.Words.Prepend(line.Name.Text).Contains("remote_ip")) is { } line)
        {
            Remarks.Problem(line.At,
                $"'{line}' is the address of the proxy in front, as trusted_proxies are set, and the client's here; write client_ip for that");
        }

    }

    /// <summary>Caddy's own 503 are of servers that health checks have found down, and of <c>error</c>.</summary>
    private static bool HasUnavailable(SiteBlock block) => Flatten(block.Statements).Any(line =>
        line.Name.Text is "health_uri" or "health_path" or "fail_duration"
        || (line.Name.Text == "error" && line.Words.Contains("503")));

    private ReadSite Read(SiteBlock block, ProxyReader proxies, SitePlaces places)
    {
        var (at, addresses) = (block.Addresses.Count > 0 ? block.Addresses[0].At : File, AddressesOf(block));
        var site = new SiteOptions(Remarks, Server, Behaviour);
        var (files, errorStatements) = (new FilesReader(Remarks), block.Statements.Where(statement => statement.Name.Text == "handle_errors").ToList());
        var errors = new ErrorPagesReader(Remarks, files);
        foreach (var statement in errorStatements)
        {
            errors.Read(statement, RootOf(block), HasUnavailable(block));
        }

        var compiler = new RouteCompiler(
            Remarks,
            statement => statement.Name.Text == "handle_errors" || (statement.Name.Text != "request_body" && site.TryTake(statement)),
            new RequestStepReader(Remarks, Behaviour),
            new EndStepReader(Remarks, files, proxies, errors.IsTaken));
        var routes = RouteMerge.Merge(new RouteWalk(Remarks).Run(compiler.Compile(block.Statements), at));
        _made.Add((routes, at));
        Listening.Add(addresses, site, isRedirect: false);
        var binds = Listening.Binds(site);
        places.Add(addresses, binds);
        return new ReadSite(addresses, binds, routes, errors.PagesToJson(), errors.ResponsesToJson(), IsOfAuthority(addresses, site));
    }

    private bool IsOfAuthority(List<SiteAddress> addresses, SiteOptions site) =>
        !site.Tls.HasFiles && !addresses.Exists(address => Listening.IsInternal(address, site));

    /// <summary>The one that holds for all requests, where an error finds it too.</summary>
    private static string? RootOf(SiteBlock block) =>
        block.Statements.LastOrDefault(statement => statement is { Name.Text: "root", Arguments: [{ Text: "*" }, _] })?.Arguments[1].Text;

    private static JsonObject WithContent(JsonObject place, ReadSite site)
    {
        var (headers, routes) = RouteMerge.TakeHeaders(site.Routes);
        if (headers is not null)
        {
            place["Headers"] = headers;
        }

        if (site.ErrorPages is { } pages)
        {
            place["ErrorPages"] = pages.DeepClone();
        }

        if (site.ErrorResponses is { } responses)
        {
            place["ErrorResponses"] = responses.DeepClone();
        }

        place["Routes"] = new JsonArray([.. routes.Select(route => (JsonNode)route.ToJson())]);
        return place;
    }

    private sealed record ReadSite(
        IReadOnlyList<SiteAddress> Addresses,
        IReadOnlyList<string> Binds,
        IReadOnlyList<MadeRoute> Routes,
        JsonObject? ErrorPages,
        JsonObject? ErrorResponses,
        bool IsOfAuthority);
}
