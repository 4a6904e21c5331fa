using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary><c>return</c>: a redirect, or a fixed response.</summary>
internal sealed class ReturnReader(ImportRemarks remarks)
{
    private readonly FieldReader _fields = new(remarks);

    /// <param name="location">What it stands in; null: the server block itself, or an <c>if</c>.</param>
    /// <returns>A route without its conditions; null: a problem has said why there is none.</returns>
    public JsonObject? Read(Directive line, Level level, ServerPlace server, Location? location = null)
    {
        var (code, text) = line.Arguments switch
        {
            [var only] when !only.All(char.IsAsciiDigit) => ("302", only),
            [var only] => (only, null),
            [var first, var second] => (first, second),
            _ => ("", null),
        };
        if (code == "444" && text is null)
        {
            return new JsonObject { ["Respond"] = new JsonObject { ["Abort"] = true } };
        }

        if (!IsStatus(code) || code == "444")
        {
            remarks.Problem(
                line.At, $"'{line}' cannot be translated: write return 301 https://$host$request_uri, or return with a status from 200 to 599 and a text");
            return null;
        }

        var status = int.Parse(code, CultureInfo.InvariantCulture);
        var said = text is null ? null : Variables.Translate(text, server, line.At, remarks);
        if (status is 301 or 302 or 303 or 307 or 308)
        {
            if (said is null && text is null)
            {
                remarks.Problem(line.At, $"'{line}' names no place; write the URL behind the status");
            }

            return said is null ? null
                : _fields.AddTo(new JsonObject { ["Redirect"] = new JsonObject { ["To"] = Absolute(said, level, server), ["Status"] = status } }, level, server,
                    isForwarded: false);
        }

        var respond = new JsonObject { ["Status"] = status };
        if (said is { Length: > 0 })
        {
            respond["Body"] = said;
            respond["ContentType"] = TypeOf(location) ?? level.Last("default_type")?.Arguments.FirstOrDefault() ?? "text/plain";
        }
        else if (HasPage(level, status))
        {
            respond["AsError"] = true; // a text is sent as it is, and only without one there is the page
        }

        return _fields.AddTo(new JsonObject { ["Respond"] = respond }, level, server, isForwarded: false);

        static bool IsStatus(string word) => word.Length == 3
            && int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 200 and <= 599;
    }

    /// <summary>Whether a status has an <c>error_page</c>.</summary>
    public static bool HasPage(Level level, int status) =>
        level.All("error_page").Any(page => page.Arguments.SkipLast(1).Contains(status.ToString(CultureInfo.InvariantCulture)));

    /// <summary>A path is sent with the server in front of it.</summary>
    public static string Absolute(string place, Level level, ServerPlace server) =>
        place.StartsWith('/') && level.Last("absolute_redirect") is not { Arguments: ["off"] } ? server.Origin + place : place;

    /// <summary>A text has the type of the path, where that is a single one.</summary>
    private static string? TypeOf(Location? location) => location is { Kind: "=" } ? Path.GetExtension(location.Path) switch
    {
        ".txt" => "text/plain",
        ".json" => "application/json",
        ".html" => "text/html",
        ".xml" => "text/xml",
        ".js" => "application/javascript",
        ".css" => "text/css",
        _ => null,
    } : null;
}
