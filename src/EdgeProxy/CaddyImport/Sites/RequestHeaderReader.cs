using EdgeProxy.CaddyImport.Routes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>header_up</c>: what EdgeProxy does anyway is left out, all else is a problem.</summary>
internal sealed class RequestHeaderReader(ImportRemarks remarks)
{
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
                remarks.NoteOnce(
                    option.At,
                    field.Text,
                    $"{field.Text} is not sent to the app, whatever sets it: the client's address, name and scheme are in X-Forwarded-For, -Host and -Proto; " +
                        $"an app that reads {field.Text} must read those");
            }
        }
        else if (!RequestHeaders.IsDone(option))
        {
            remarks.Problem(
                option.At,
                $"'{option}' cannot be translated: the app sees the client's request with X-Forwarded-For, -Host, -Proto and X-Request-ID, and no other " +
                    "field is added or removed; let the app do without");
        }
    }
}
