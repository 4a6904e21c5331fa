using System.Text.Json.Nodes;
using EdgeProxy.Clients;
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
        SetTrustedProxies(servers);
        if (app is not var (_, level))
        {
            return;
        }

        SetDuration(level.Last("proxy_read_timeout"), "EdgeProxy:Upstream:ActivityTimeout", _defaultTimeout);
        SetDuration(level.Last("proxy_connect_timeout"), "EdgeProxy:Upstream:ConnectTimeout", null);
        remarks.Note(
            file,
            "while the app is down, requests wait for it (Upstream:HoldTimeout) and then get 503; nginx responds with 502 at once; X-Forwarded-For, -Host " +
                "and -Proto and X-Request-ID are set in any case, and what clients send in them is not believed (TrustedProxies)");
    }

    private void SetCompression(Level http, IReadOnlyList<Level> servers)
    {
        var served = servers.Where(server => server.Own.All(line => line.Name != "return")).ToList(); // the others have next to nothing to compress
        var compressed = (served.Count > 0 ? served : servers).Where(IsOn).ToList();
        settings.Set("EdgeProxy:Compression:Encodings", compressed.Count == 0 ? [] : new JsonArray("gzip"), file);
        if (compressed.Count == 0)
        {
            return;
        }

        var blocks = servers.SelectMany(server => server.Own).SelectMany(line => line.Block ?? []);
        if (!served.TrueForAll(IsOn) || blocks.Any(line => line.Name.StartsWith("gzip", StringComparison.Ordinal)))
        {
            remarks.Note(file, "gzip is not on everywhere; EdgeProxy compresses for all sites alike");
        }

        var each = compressed.Select(server => server.Last("gzip_types")?.Arguments ?? []).ToList();
        var lengths = compressed.Select(LengthOf).ToList();
        if (each.Exists(own => !own.ToHashSet().SetEquals(each[0])) || lengths.Exists(own => own != lengths[0]))
        {
            remarks.Note(file, "gzip_types or gzip_min_length differ from server to server; EdgeProxy compresses all their types, from the smallest length " +
                "on, for all sites alike");
        }

        var types = each.SelectMany(own => own).ToList();
        if (!types.Contains("*"))
        {
            settings.Set("EdgeProxy:Compression:MimeTypes", LocationRoutes.List(types.Prepend("text/html").Distinct()), file);
        }

        settings.Set("EdgeProxy:Compression:MinimumSize", JsonValue.Create(lengths.Min()), file);

        static long LengthOf(Level level) =>
            level.Last("gzip_min_length") is { Arguments: [var length] } && Units.TrySize(length, out var own) ? own : 20;

        static bool IsOn(Level level) => level.Last("gzip") is { Arguments: ["on"] };
    }

    /// <summary>The proxies in front, who say who the client is.</summary>
    private void SetTrustedProxies(IReadOnlyList<Level> servers)
    {
        if (servers.Select(server => server.All("set_real_ip_from")).FirstOrDefault(lines => lines.Count > 0) is not [var first, ..] networks)
        {
            return;
        }

        if (servers.Any(server => !Of(server).ToHashSet().SetEquals(networks.SelectMany(line => line.Arguments))))
        {
            remarks.Problem(first.At, "set_real_ip_from is not the same for all servers, and TrustedProxies are; write it outside of them");
            return;
        }

        foreach (var line in networks)
        {
            if (line.Arguments is [var network] && TrustedProxies.TryParse(network, out _))
            {
                settings.Append("EdgeProxy:TrustedProxies", network, line.At);
            }
            else
            {
                remarks.Problem(line.At, $"'{line}' cannot be translated: write an address or a network");
            }
        }

        foreach (var header in servers.Select(server => server.Last("real_ip_header")).Distinct())
        {
            if (header is not { Arguments: [var field] } || !field.Equals("X-Forwarded-For", StringComparison.OrdinalIgnoreCase))
            {
                remarks.Problem(header?.At ?? first.At, "the client of a trusted proxy is read from X-Forwarded-For; write real_ip_header X-Forwarded-For " +
                    "(Cloudflare and others send it, too)");
            }
        }

        foreach (var recursive in servers.Select(server => server.Last("real_ip_recursive")).Distinct())
        {
            if (recursive is not { Arguments: ["on"] })
            {
                // nginx takes the last address for the client, also a trusted one: allow and deny would let in whom it refuses.
                remarks.Problem(recursive?.At ?? first.At, "addresses that are trusted are passed over here; write real_ip_recursive on, and name only the " +
                    "proxies' own addresses in set_real_ip_from");
            }
        }

        remarks.Note(first.At, "X-Forwarded-For is read from the right as far as addresses are trusted (real_ip_recursive on), and X-Forwarded-Proto and " +
            "-Host of the trusted count as scheme and host, also in what the app gets");

        static IEnumerable<string> Of(Level server) => server.All("set_real_ip_from").SelectMany(line => line.Arguments);
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
