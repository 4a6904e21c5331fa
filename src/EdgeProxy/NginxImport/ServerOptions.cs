using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary>What EdgeProxy has once for all sites: compression, the access log, the time-outs of the app.</summary>
internal sealed class ServerOptions(ImportRemarks remarks, SettingsDraft settings, SourceLine file)
{
    private static readonly TimeSpan _defaultTimeout = TimeSpan.FromSeconds(60);

    /// <param name="http">The level of all servers.</param>
    /// <param name="servers">Their levels.</param>
    /// <param name="app">A line that sends to the app, and its level; null: none does.</param>
    public void Set(Level http, IReadOnlyList<Level> servers, (Directive Pass, Level Level)? app)
    {
        SetCompression(http, servers);
        SetLog(http, servers);
        if (app is not var (_, level))
        {
            return;
        }

        SetDuration(level.Last("proxy_read_timeout"), "EdgeProxy:Upstream:ActivityTimeout", _defaultTimeout);
        SetDuration(level.Last("proxy_connect_timeout"), "EdgeProxy:Upstream:ConnectTimeout", null);
        remarks.Note(
            file,
            "while the app is down, requests wait for it (Upstream:HoldTimeout) and then get 503, where nginx answers 502 at once; X-Forwarded-For, -Host " +
                "and -Proto and X-Request-ID are set in any case, and what clients send in them is not believed (TrustedProxies)");
    }

    private void SetCompression(Level http, IReadOnlyList<Level> servers)
    {
        var compressed = servers.FirstOrDefault(IsOn);
        settings.Set("EdgeProxy:Compression:Encodings", compressed is null ? [] : new JsonArray("gzip"), file);
        if (compressed is null)
        {
            return;
        }

        var blocks = servers.SelectMany(server => server.Own).SelectMany(line => line.Block ?? []);
        if (!servers.All(IsOn) || blocks.Any(line => line.Name.StartsWith("gzip", StringComparison.Ordinal)))
        {
            remarks.Note(file, "gzip is not on everywhere; EdgeProxy compresses for all sites alike");
        }

        var types = compressed.Last("gzip_types")?.Arguments ?? [];
        if (!types.Contains("*"))
        {
            settings.Set("EdgeProxy:Compression:MimeTypes", LocationRoutes.List(types.Prepend("text/html").Distinct()), file);
        }

        var minimum = 20L;
        if (compressed.Last("gzip_min_length") is not { Arguments: [var length] } || Units.TrySize(length, out minimum))
        {
            settings.Set("EdgeProxy:Compression:MinimumSize", JsonValue.Create(minimum), file);
        }

        static bool IsOn(Level level) => level.Last("gzip") is { Arguments: ["on"] };
    }

    private void SetLog(Level http, IReadOnlyList<Level> servers)
    {
        var logs = servers.Select(server => server.Last("access_log")).Append(http.Last("access_log")).OfType<Directive>().Distinct().ToList();
        var first = logs.Find(log => log.Arguments is not ["off", ..]);
        settings.Set("EdgeProxy:AccessLog:Format", JsonValue.Create(first is null && logs.Count > 0 ? "None" : "Common"), first?.At ?? file);
        if (first is not { Arguments: [['/', ..] path, ..] })
        {
            return;
        }

        var moved = Path.Combine("/var/log/edgeproxy", Path.GetFileName(path));
        settings.Set("EdgeProxy:AccessLog:Path", JsonValue.Create(moved), first.At);
        remarks.Note(
            first.At, $"{path} becomes {moved} for all sites, in the common log format: EdgeProxy's unit may write there, and logrotate looks there");
    }

    private void SetDuration(Directive? line, string key, TimeSpan? otherwise)
    {
        if (line is null)
        {
            if (otherwise is { } value)
            {
                settings.Set(key, value, file);
            }
        }
        else if (line.Arguments is [var text] && Units.TryDuration(text, out var duration))
        {
            settings.Set(key, duration, line.At);
        }
        else
        {
            remarks.Problem(line.At, $"'{line}' must be a duration such as 60s");
        }
    }
}
