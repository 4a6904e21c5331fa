using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary><c>error_page</c> of a server: the file that its page is, found as nginx finds it.</summary>
internal sealed class ErrorPageReader(ImportRemarks remarks)
{
    /// <summary>The key <c>ErrorPages</c> of a site; empty: there are none.</summary>
    public JsonObject Read(Level server, List<Location> locations)
    {
        var pages = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in server.All("error_page"))
        {
            if (line.Arguments is not [.. var codes, ['/', ..] page] || codes.Length == 0 || !codes.All(IsError) || Variables.AreIn(page))
            {
                remarks.Problem(line.At, $"'{line}' cannot be translated: write error_page 502 503 /page.html, with statuses from 400 and a path without " +
                    "variables");
            }
            else if (FileOf(page, server, locations) is { } file)
            {
                foreach (var code in codes)
                {
                    pages.TryAdd(code, file);
                }
            }
            else
            {
                remarks.Problem(line.At, $"'{line}' cannot be translated: {page} is no file of a location with a root, or of the server's root; write a root " +
                    "into its location");
            }
        }

        if (pages.TryGetValue("502", out var down))
        {
            pages.TryAdd("503", down); // the status here while the app is down
        }

        var json = new JsonObject();
        foreach (var (code, file) in pages)
        {
            json[code] = file;
        }

        return json.Count > 0 ? new JsonObject { ["ErrorPages"] = json } : [];
    }

    /// <summary>Null: it is not served from the disk.</summary>
    private static string? FileOf(string page, Level server, List<Location> locations)
    {
        var location = locations.Find(candidate => candidate.Kind == "=" && candidate.Path == page)
            ?? locations.Where(candidate => candidate.IsPrefix && candidate.Takes(page)).MaxBy(candidate => candidate.Path.Length);
        var level = location is null ? server : new Level(location.Source.Block ?? [], server);
        if (level.Own.Any(line => line.Name is "proxy_pass" or "return" or "alias" or "try_files") && location is not null)
        {
            return null;
        }

        return level.Last("root") is { Arguments: [['/', ..] root] } && !Variables.AreIn(root) ? root.TrimEnd('/') + page : null;
    }

    private static bool IsError(string code) =>
        int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var status) && status is >= 400 and <= 599;
}
