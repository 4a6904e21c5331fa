using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Sites;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport;

/// <summary>One way to translate a Caddyfile: what the ways have in common, from its words to settings that <c>check</c> accepts.</summary>
internal abstract class ImportRun
{
    protected ImportRun(string file, bool hasSites = false)
    {
        File = new SourceLine(file, 0);
        Server = new SettingsDraft(Remarks, CaddyValue.PlaceholderIn);
        Behaviour = new SettingsDraft(Remarks, CaddyValue.PlaceholderIn);
        Global = new GlobalOptions(Remarks, Server);
        Listening = new Listening(Remarks, Server, Global) { HasSites = hasSites };
    }

    protected ImportRemarks Remarks { get; } = new();

    /// <summary>Settings of the server as a whole.</summary>
    protected SettingsDraft Server { get; }

    /// <summary>Settings that follow from what sites do.</summary>
    protected SettingsDraft Behaviour { get; }

    protected GlobalOptions Global { get; }

    protected Listening Listening { get; }

    /// <summary>The Caddyfile as a whole.</summary>
    protected SourceLine File { get; }

    /// <summary>Reads, translates and checks.</summary>
    public ImportResult Run(ImportOptions options, Func<string, string?> environment)
    {
        try
        {
            var caddyfile = Parse(environment);
            Global.Read(caddyfile.Global, new ReverseProxyOptions(Remarks, Server));
            Translate(caddyfile, options);
            NoteSidecars(caddyfile);
        }
        catch (CaddyfileSyntaxException unreadable)
        {
            Remarks.Problem(unreadable.At, unreadable.Message);
        }

        var settings = Remarks.ProblemCount == 0 ? Settings() : null;
        return new ImportResult(Remarks.ProblemCount == 0 ? settings : null, Remarks.Problems, Remarks.Notes);
    }

    /// <summary>Writes what the sites mean into the drafts.</summary>
    protected abstract void Translate(CaddyfileSyntax caddyfile, ImportOptions options);

    protected List<SiteAddress> AddressesOf(SiteBlock block) =>
        [.. block.Addresses.Select(token => SiteAddress.Parse(token, Global.HttpPort, Global.HttpsPort, Remarks)).OfType<SiteAddress>()];

    /// <summary>What the file leaves open.</summary>
    protected void SetDefaults(ImportOptions options)
    {
        if (options.HealthPath is { } path)
        {
            Behaviour.Replace("EdgeProxy:Health:Path", JsonValue.Create(path), File);
        }
        else if (!Behaviour.Has("EdgeProxy:Health:Path"))
        {
            Remarks.Problem(
                File, "names no health check (health_uri); name with --health-path a page of the app that responds with 200 only when the app is well");
        }

        NoteLimits();
        ImportedSettings.SetOptions(options, Server, File);
        if (!Server.Has(LogReader.FormatKey))
        {
            Server.Set(LogReader.FormatKey, JsonValue.Create("None"), File);
            Remarks.Note(
                File, "has no access log, so there is none; with \"AccessLog\": { \"Format\": \"Json\" } each line tells slot, time and retries of a request");
        }
    }

    /// <summary>Where EdgeProxy ends what Caddy lets go on.</summary>
    private void NoteLimits()
    {
        if (!Behaviour.Has("EdgeProxy:Upstream:ActivityTimeout"))
        {
            Remarks.Note(
                File,
                "sets no read_timeout: Caddy then waits for ever, EdgeProxy ends a response that pauses for 135 s (Upstream:ActivityTimeout; event streams " +
                    "an hour)");
        }

        Remarks.Note(
            File,
            "request lines and headers have the limits of gunicorn here, smaller than Caddy's 1 MB in all (Kestrel:Limits: MaxRequestLineSize, " +
                "MaxRequestHeadersTotalSize)");
        if (Behaviour.HasItems("EdgeProxy:StaticFiles"))
        {
            Remarks.Note(File, "serves files: EdgeProxy responds with 404 for a symbolic link that leads out of its root, which Caddy follows");
        }
    }

    /// <summary>What was compressed beforehand is found wherever it lies, if anything is compressed.</summary>
    private void NoteSidecars(CaddyfileSyntax caddyfile)
    {
        if (!Behaviour.HasItems("EdgeProxy:Compression:Encodings")
            && Flatten(caddyfile.Sites.SelectMany(site => site.Statements)).FirstOrDefault(line => line.Name.Text == "precompressed") is { } line)
        {
            Remarks.Note(line.At, "precompressed is left out, as there is no encode: files are sent as they are; write encode gzip to have what lies beside " +
                "them sent (.br, .zst, .gz), and responses of the app compressed");
        }
    }

    /// <summary>Lines, and those in their blocks.</summary>
    protected static IEnumerable<Statement> Flatten(IEnumerable<Statement> lines) =>
        lines.SelectMany(line => Flatten(line.Block ?? []).Prepend(line));

    private CaddyfileSyntax Parse(Func<string, string?> environment)
    {
        var reader = new CaddyfileReader(environment, Remarks);
        return new Parser(new Imports(reader)).Parse(reader.Read(File.File, File));
    }

    private JsonObject Settings()
    {
        Server.TakeOver(Behaviour);
        return ImportedSettings.Check(Server, File, Remarks);
    }
}
