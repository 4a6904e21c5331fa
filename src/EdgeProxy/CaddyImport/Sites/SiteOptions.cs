using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary>The directives that are for a site as a whole: where it listens, its certificates, its log, the largest body.</summary>
internal sealed class SiteOptions(ImportRemarks remarks, SettingsDraft server, SettingsDraft site)
{
    private readonly TlsReader _tls = new(remarks, server);
    private readonly LogReader _log = new(remarks, server);

    public TlsReader Tls => _tls;

    public List<Token> Binds { get; } = [];

    /// <returns>Whether it was one.</returns>
    public bool TryTake(Statement directive)
    {
        switch (directive.Name.Text)
        {
            case "tls":
                _tls.Read(directive);
                return true;
            case "log":
                _log.Read(directive);
                return true;
            case "log_skip" or "skip_log" or "log_append":
                remarks.Note(directive.At, $"'{directive}' is left out: the access log has every request");
                return true;
            case "bind":
                Binds.AddRange(directive.Arguments);
                return true;
            case "request_body" when directive.Block is [{ Name.Text: "max_size", Arguments: [var size] }]
                && directive.Arguments is [] or [{ Text: "*" }]
                && CaddyValue.TrySize(size.Text, out var bytes):
                site.Set("EdgeProxy:Upstream:MaxRequestBodySize", JsonValue.Create(bytes), directive.At);
                return true;
            default:
                return false;
        }
    }
}
