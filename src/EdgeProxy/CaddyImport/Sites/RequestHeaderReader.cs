using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>header_up</c>: what EdgeProxy does anyway is left out, all else is a problem.</summary>
internal sealed class RequestHeaderReader(ImportRemarks remarks)
{
    private static readonly Dictionary<string, string[]> _done = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Host"] = ["{host}", "{hostport}", "{http.request.host}", "{http.request.hostport}", "{>Host}", "{http.request.header.Host}"],
        ["X-Forwarded-Host"] = ["{host}", "{hostport}", "{http.request.host}", "{http.request.hostport}"],
        ["X-Forwarded-For"] = ["{remote}", "{remote_host}", "{http.request.remote.host}", "{client_ip}", "{http.vars.client_ip}"],
        ["X-Forwarded-Proto"] = ["{scheme}", "{http.request.scheme}"],
        ["X-Request-ID"] = ["{uuid}", "{http.request.uuid}"],
        ["Connection"] = ["{>Connection}", "{http.request.header.Connection}"],
        ["Upgrade"] = ["{>Upgrade}", "{http.request.header.Upgrade}"],
    };

    private static readonly string[] _removed = ["X-Real-IP", "X-Forwarded-Protocol", "X-Forwarded-Ssl", "Forwarded"];

    public void Read(Statement option)
    {
        if (option.Arguments is not [var field, ..])
        {
            remarks.Problem(option.At, "header_up names no field");
        }
        else if (_removed.Contains(field.Text.TrimStart('-', '+', '?', '>'), StringComparer.OrdinalIgnoreCase))
        {
            if (!field.Text.StartsWith('-'))
            {
                remarks.Note(option.At, $"{field.Text} is not sent to the app, whoever sets it: the visitor's address, name and scheme are in X-Forwarded-For, -Host and -Proto; an app that reads {field.Text} must read those");
            }
        }
        else if (!(option.Arguments is [_, var value] && _done.TryGetValue(field.Text, out var values) && values.Contains(value.Text)))
        {
            remarks.Problem(option.At, $"'{option}' cannot be translated: the app sees the visitor's request with X-Forwarded-For, -Host, -Proto and X-Request-ID, and no other field is added or removed; let the app do without");
        }
    }
}
