using System.Text.Json;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Configuration;
using EdgeProxy.Switching;

namespace EdgeProxy.CaddyImport;

/// <summary>What came of a Caddyfile.</summary>
/// <param name="Settings">A whole settings file that <c>check</c> accepts; null when there is any problem.</param>
/// <param name="Problems">Lines that cannot be translated.</param>
/// <param name="Notes">What is translated, but not to the letter, or deserves a look.</param>
internal sealed record ImportResult(JsonObject? Settings, IReadOnlyList<ImportRemark> Problems, IReadOnlyList<ImportRemark> Notes);

/// <summary>Translates a Caddyfile into settings that serve the same: all of it, or nothing.</summary>
internal sealed class CaddyfileImport
{
    private static readonly string[] _order =
    [
        "EdgeProxy:Slots", "EdgeProxy:InitialSlot", "EdgeProxy:Health", "EdgeProxy:Upstream", "EdgeProxy:StaticFiles", "EdgeProxy:Compression", "EdgeProxy:Tls",
        "EdgeProxy:TrustedProxies", "EdgeProxy:Shutdown", "EdgeProxy:AccessLog", "AllowedHosts", "Kestrel",
    ];

    private readonly ImportRemarks _remarks = new();
    private readonly SettingsDraft _server;
    private readonly SettingsDraft _behaviour;
    private readonly GlobalOptions _global;
    private readonly Listening _listening;
    private readonly SourceLine _file;

    private CaddyfileImport(string file)
    {
        _file = new SourceLine(file, 0);
        _server = new SettingsDraft(_remarks);
        _behaviour = new SettingsDraft(_remarks);
        _global = new GlobalOptions(_remarks, _server);
        _listening = new Listening(_remarks, _server, _global);
    }

    /// <summary>Reads, translates and checks. Whatever is wrong is in the result, not an exception.</summary>
    /// <param name="file">The Caddyfile.</param>
    /// <param name="options">What it does not say.</param>
    /// <param name="environment">For <c>{$VARIABLE}</c>; null: it is not set.</param>
    public static ImportResult Run(string file, ImportOptions options, Func<string, string?> environment)
    {
        var import = new CaddyfileImport(file);
        try
        {
            import.Translate(import.Parse(environment), options);
        }
        catch (CaddyfileSyntaxException unreadable)
        {
            import._remarks.Problem(unreadable.At, unreadable.Message);
        }

        var remarks = import._remarks;
        var settings = remarks.ProblemCount == 0 ? import.Settings() : null;
        return new ImportResult(remarks.ProblemCount == 0 ? settings : null, remarks.Problems, remarks.Notes);
    }

    private CaddyfileSyntax Parse(Func<string, string?> environment)
    {
        var reader = new CaddyfileReader(environment, _remarks);
        return new Parser(new Imports(reader)).Parse(reader.Read(_file.File, _file));
    }

    private void Translate(CaddyfileSyntax caddyfile, ImportOptions options)
    {
        _global.Read(caddyfile.Global, new ReverseProxyOptions(_remarks, _server));
        var drafts = new List<(SettingsDraft Draft, SourceLine At)>();
        foreach (var site in caddyfile.Sites)
        {
            TranslateSite(site, drafts);
        }

        if (drafts.Count == 0)
        {
            _remarks.Problem(_file, "has no site with a reverse_proxy: there is no app to serve");
            return;
        }

        // Sites are compared only when each is understood: half a site differs from anything.
        if (_remarks.ProblemCount > 0)
        {
            return;
        }

        _behaviour.TakeOver(drafts[0].Draft);
        foreach (var (draft, at) in drafts.Skip(1))
        {
            _behaviour.Compare(draft, at);
        }

        _listening.Finish(_file);
        SetDefaults(options);
    }

    private void TranslateSite(SiteBlock block, List<(SettingsDraft Draft, SourceLine At)> drafts)
    {
        var addresses = block.Addresses.Select(token => SiteAddress.Parse(token, _global.HttpPort, _global.HttpsPort, _remarks)).OfType<SiteAddress>().ToList();
        var at = block.Addresses.Count > 0 ? block.Addresses[0].At : _file;
        var draft = new SettingsDraft(_remarks);
        var options = new SiteOptions(_remarks, _server, draft);
        var isRedirect = addresses.Count > 0 && addresses.TrueForAll(address => !address.IsHttps) && IsRedirectToHttps(block);
        if (isRedirect)
        {
            _remarks.Note(at, "the redirect to https is left out: EdgeProxy redirects every name that has a certificate, with 308");
        }
        else
        {
            var before = _remarks.ProblemCount;
            var steps = new SiteCompiler(_remarks, draft, options).Compile(block.Statements);
            if (_remarks.ProblemCount == before)
            {
                new SiteRouting(_remarks, draft).Apply(steps, at);
            }

            drafts.Add((draft, at));
        }

        _listening.Add(addresses, options, isRedirect);
    }

    private static bool IsRedirectToHttps(SiteBlock site) =>
        site.Statements is [{ Name.Text: "redir", Arguments: [{ Text: "https://{host}{uri}" }] or [{ Text: "https://{host}{uri}" }, { Text: "permanent" or "301" or "308" }] }];

    private void SetDefaults(ImportOptions options)
    {
        if (_behaviour.Take(SiteRouting.UpstreamKey) is { } upstream)
        {
            SlotChoice.Apply(upstream.Value, upstream.At, options, _server, _remarks);
        }

        if (options.HealthPath is { } path)
        {
            _behaviour.Replace("EdgeProxy:Health:Path", JsonValue.Create(path), _file);
        }
        else if (!_behaviour.Has("EdgeProxy:Health:Path"))
        {
            var recipes = new HealthOptions().Path;
            _behaviour.Set("EdgeProxy:Health:Path", JsonValue.Create(recipes), _file);
            _remarks.Note(_file, $"says nothing of a health check, so Health:Path is {recipes}; name with --health-path a page that answers 200 when the app is well");
        }

        if (options.Certificates is { } directory)
        {
            _server.AppendNode("EdgeProxy:Tls:Certificates", new JsonObject { ["Certificate"] = directory }, _file);
        }

        if (options.ServerKeepAlive is { } keepAlive)
        {
            _server.Set("EdgeProxy:Upstream:ServerKeepAlive", keepAlive, _file);
        }

        if (!_server.Has(LogReader.FormatKey))
        {
            _server.Set(LogReader.FormatKey, JsonValue.Create("None"), _file);
            _remarks.Note(_file, "has no access log, so there is none; with \"AccessLog\": { \"Format\": \"Json\" } each line tells slot, time and retries of a request");
        }
    }

    /// <summary>Checked as <c>check</c> would, but without this process's environment.</summary>
    private JsonObject Settings()
    {
        _server.TakeOver(_behaviour);
        var settings = _server.ToJson(_order);
        var check = SettingsLoader.Check(_file.File, JsonSerializer.SerializeToUtf8Bytes(settings, Json.ApiJson.Default.JsonObject));
        foreach (var problem in check.Problems)
        {
            var at = _server.LineOf(problem.Key) ?? _file;
            if (problem.Severity == SettingsSeverity.Error)
            {
                _remarks.Problem(at, $"leads to settings that are refused: {problem.Key} = \"{problem.Value}\" {problem.Message}");
            }
            else
            {
                _remarks.Note(at, $"{problem.Key} = \"{problem.Value}\" {problem.Message}");
            }
        }

        return settings;
    }
}
