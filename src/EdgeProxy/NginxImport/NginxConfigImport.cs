using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Proxying;

namespace EdgeProxy.NginxImport;

/// <summary>Translates the servers of an nginx configuration into settings that serve the same: all of it, or nothing.</summary>
internal sealed class NginxConfigImport
{
    private const string Any = "*";

    private readonly ImportRemarks _remarks = new();
    private readonly SettingsDraft _settings;
    private readonly SourceLine _file;

    private NginxConfigImport(string file)
    {
        _settings = new SettingsDraft(_remarks, placeholderIn: null);
        _file = new SourceLine(file, 0);
    }

    /// <summary>Reads, translates and checks. Whatever is wrong is in the result, not an exception.</summary>
    /// <param name="file"><c>nginx.conf</c>, or a part with <c>server</c> blocks.</param>
    /// <param name="options">What it does not say.</param>
    public static ImportResult Run(string file, ImportOptions options)
    {
        var run = new NginxConfigImport(file);
        try
        {
            run.Translate(NginxFile.ReadHttp(file), options);
        }
        catch (NginxSyntaxException unreadable)
        {
            run._remarks.Problem(unreadable.At, unreadable.Message);
        }

        var settings = run._remarks.ProblemCount == 0 ? ImportedSettings.Check(run._settings, run._file, run._remarks) : null;
        return new ImportResult(run._remarks.ProblemCount == 0 ? settings : null, run._remarks.Problems, run._remarks.Notes);
    }

    private void Translate(IReadOnlyList<Directive> http, ImportOptions options)
    {
        new Directives(_remarks).Check(http);
        var level = new Level(http, Outer: null);
        var servers = http.Where(directive => directive.Name == "server").Select(block => (Block: block, Places: ServerPlace.Read(block, _remarks))).ToList();
        if (servers.Count == 0)
        {
            _remarks.Problem(_file, "has no server block; name nginx.conf, or a file that has one");
            return;
        }

        var app = AppChoice.Choose(http, options, _file, _remarks);
        var rewrites = new RewritePhase(_remarks, new ReturnReader(_remarks));
        var passwords = new BasicAuthReader(_remarks, NginxFile.BaseOf(_file.File));
        var routes = new LocationRoutes(_remarks, level, rewrites, passwords, app);
        var reader = new ServerReader(_remarks, level, routes, rewrites);
        RequireAlike([.. servers.SelectMany(server => server.Places.Select(place => (server.Block, place)))]);
        var sites = new JsonArray();
        foreach (var (block, places) in servers)
        {
            foreach (var place in places)
            {
                if (PlaceOf(block, place, servers, level) is not { } site)
                {
                    continue;
                }

                sites.Add((JsonNode)site);
                var own = new Level(block.Block ?? [], level);
                if (place.IsTls && own.Last("ssl_reject_handshake") is { Arguments: ["on"] })
                {
                    // Names without a certificate are refused at the handshake here anyway; one that another server's certificate has, too, gets nothing.
                    site["Routes"] = new JsonArray(new JsonObject { ["Respond"] = new JsonObject { ["Abort"] = true } });
                    continue;
                }

                foreach (var (key, value) in reader.Read(block, place))
                {
                    site[key] = value?.DeepClone();
                }

                AddCertificate(own, place, block);
            }
        }

        _settings.Set("EdgeProxy:Sites", sites, _file);
        _settings.Set("AllowedHosts", JsonValue.Create(Any), _file); // the default server of each port takes any
        var urls = servers.SelectMany(server => server.Places).Select(place => place.Url).Distinct().Order(StringComparer.Ordinal).ToList();
        foreach (var (kind, own) in new[] { ("Http", urls.FindAll(url => url.StartsWith("http:", StringComparison.Ordinal))),
            ("Https", urls.FindAll(url => url.StartsWith("https:", StringComparison.Ordinal))) })
        {
            foreach (var (i, url) in own.Index())
            {
                _settings.Set($"Kestrel:Endpoints:{kind}{(i == 0 ? "" : $"{i + 1}")}:Url", JsonValue.Create(url), _file);
            }
        }

        new ServerOptions(_remarks, _settings, _file).Set(level, [.. servers.Select(server => new Level(server.Block.Block ?? [], level))], routes.AppLine);
        if (app is not null)
        {
            SlotChoice.Apply(app, routes.AppLine?.Pass.At ?? _file, options, _settings, _remarks);
        }

        SetOptions(options);
    }

    private void SetOptions(ImportOptions options)
    {
        if (options.HealthPath is { } path)
        {
            _settings.Set("EdgeProxy:Health:Path", JsonValue.Create(path), _file);
        }
        else
        {
            _remarks.Problem(_file, "names no health check; name with --health-path a page of the app that responds with 200 only when the app is well");
        }

        ImportedSettings.SetOptions(options, _settings, _file);
    }

    /// <summary>An address of its own beside all addresses of a port takes requests away from the latter, which sites here cannot say.</summary>
    private void RequireAlike(List<(Directive Block, ServerPlace Place)> all)
    {
        foreach (var port in all.GroupBy(one => one.Place.Port))
        {
            if (port.Any(one => one.Place.Address == Any) && port.FirstOrDefault(one => one.Place.Address != Any) is { Block: { } own })
            {
                _remarks.Problem(own.At, $"listens at one address of port {port.Key}, and another server at all of them; let all listen alike");
            }

            if (port.Any(one => one.Place.IsTls) && port.FirstOrDefault(one => !one.Place.IsTls) is { Block: { } plain })
            {
                _remarks.Problem(plain.At, $"listens at port {port.Key} without ssl, and another server with it; let all listen alike");
            }
        }
    }

    /// <summary>Hosts, scheme and addresses of a site; null: no request comes to it.</summary>
    private JsonObject? PlaceOf(Directive block, ServerPlace place, List<(Directive Block, List<ServerPlace> Places)> servers, Level http)
    {
        var here = servers.Where(server => server.Places.Exists(other => other.Url == place.Url)).ToList();
        var flagged = here.FindIndex(server => server.Places.Exists(other => other.Url == place.Url && other.IsDefault));
        var isDefault = ReferenceEquals(here[Math.Max(flagged, 0)].Block, block);
        var hosts = new List<string>();
        foreach (var line in (block.Block ?? []).Where(line => line.Name == "server_name"))
        {
            foreach (var name in line.Arguments.Where(name => name is not ("" or "_")).Select(name => name.ToLowerInvariant()))
            {
                if (name.StartsWith('*') || !AppHosts.IsValid(name))
                {
                    _remarks.Problem(line.At, $"the name {name} cannot be translated: write each host; a star is names of any depth in nginx, and one label " +
                        "here");
                }
                else if (here.TakeWhile(server => !ReferenceEquals(server.Block, block)).Any(server => HasName(server.Block, name)))
                {
                    _remarks.Note(line.At, $"{name} is a name of an earlier server, too, which nginx takes for it");
                }
                else if (!hosts.Contains(name))
                {
                    hosts.Add(name);
                }
            }
        }

        if (isDefault)
        {
            hosts.Add(Any);
        }

        if (hosts.Count == 0)
        {
            _remarks.Note(block.At, $"gets no request at port {place.Port}: it has no name, and another server is the default");
            return null;
        }

        var site = new JsonObject { ["Hosts"] = hosts is [var only] ? only : LocationRoutes.List(hosts), ["Scheme"] = SchemeOf(place, servers, http) };
        if (servers.SelectMany(server => server.Places).Any(other => other.IsTls == place.IsTls && other.Url != place.Url))
        {
            site["Bind"] = place.Address == Any ? $":{place.Port}" : $"{place.Address}:{place.Port}";
        }

        if (place.IsTls)
        {
            site["Acme"] = false;
        }

        return site;
    }

    /// <summary>Behind a proxy that ends TLS, what comes in clear text is of https.</summary>
    private static string SchemeOf(ServerPlace place, List<(Directive Block, List<ServerPlace> Places)> servers, Level http)
    {
        var isBehind = servers.Any(server => new Level(server.Block.Block ?? [], http).All("set_real_ip_from").Count > 0)
            && !servers.Any(server => server.Places.Exists(other => other.IsTls));
        return place.IsTls ? "Https" : isBehind ? "Both" : "Http";
    }

    private static bool HasName(Directive server, string name) => (server.Block ?? [])
        .Any(line => line.Name == "server_name" && line.Arguments.Contains(name, StringComparer.OrdinalIgnoreCase));

    private void AddCertificate(Level level, ServerPlace place, Directive block)
    {
        if (!place.IsTls)
        {
            return;
        }

        if (level.Last("ssl_certificate") is { Arguments: [['/', ..] certificate] }
            && level.Last("ssl_certificate_key") is { Arguments: [['/', ..] key] } line
            && !Variables.AreIn(certificate) && !Variables.AreIn(key))
        {
            _settings.AppendNode("EdgeProxy:Tls:Certificates", new JsonObject { ["Certificate"] = certificate, ["Key"] = key }, line.At);
        }
        else
        {
            _remarks.Problem(block.At, "listens with ssl and has no ssl_certificate and ssl_certificate_key with absolute paths; write both");
        }
    }
}
