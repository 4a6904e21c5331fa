using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>log</c>: where the access log goes and what its lines look like. All sites share one.</summary>
internal sealed class LogReader(ImportRemarks remarks, SettingsDraft server)
{
    public const string FormatKey = "EdgeProxy:AccessLog:Format";
    private const string PathKey = "EdgeProxy:AccessLog:Path";

    /// <summary>Where the unit of EdgeProxy may write, and logrotate looks.</summary>
    private const string Directory = "/var/log/edgeproxy";

    public void Read(Statement log)
    {
        var format = "Caddy";
        string? path = null;
        foreach (var option in log.Block ?? [])
        {
            switch (option.Name.Text, option.Words.ToArray())
            {
                case ("output", ["file", var file]):
                    path = PathOf(file, option);
                    break;
                case ("output", ["stdout" or "stderr"]):
                    break;
                case ("output", ["discard"]):
                    format = "None";
                    break;
                case ("format", ["json"]) when option.Block is null:
                    break;
                case ("format", ["transform", "{common_log}"] or ["single_field", "common_log"]):
                    format = "Common";
                    break;
                case ("format", ["console" or "json" or "transform" or "single_field" or "logfmt", ..]):
                    remarks.Note(option.At, $"'{option}' becomes the lines that Caddy writes with 'format json'");
                    break;
                case ("level" or "hostnames" or "sampling" or "no_hostname", _):
                    remarks.Note(option.At, $"{option.Name.Text} is left out: the access log has a line for every request");
                    break;
                default:
                    remarks.Problem(
                        option.At,
                        $"'{option}' of log cannot be translated: EdgeProxy writes to its journal or to a file, without cookies, secrets and the values of " +
                            "queries; remove it");
                    break;
            }
        }

        Set(format, path, log.At);
    }

    private void Set(string format, string? path, SourceLine at)
    {
        if (server.Has(FormatKey))
        {
            remarks.Note(at, "all sites share one access log: the first that is named");
            return;
        }

        server.Set(FormatKey, JsonValue.Create(format), at);
        if (path is not null && format != "None")
        {
            server.Set(PathKey, JsonValue.Create(path), at);
        }
    }

    private string PathOf(string file, Statement option)
    {
        if (option.Block is not null)
        {
            remarks.Note(option.At, "what rolls log files is left out: logrotate does it (/etc/logrotate.d/edgeproxy)");
        }

        if (file.StartsWith(Directory + "/", StringComparison.Ordinal))
        {
            return file;
        }

        var moved = Path.Combine(Directory, Path.GetFileName(file));
        remarks.Note(option.At, $"{file} becomes {moved}: EdgeProxy's unit may write there and nowhere else, and logrotate looks there");
        return moved;
    }
}
