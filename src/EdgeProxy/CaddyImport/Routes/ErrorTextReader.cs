using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary><c>respond</c> in a <c>handle_errors</c>: the elements of <c>ErrorResponses</c>.</summary>
internal sealed class ErrorTextReader(ImportRemarks remarks)
{
    /// <param name="line">The directive.</param>
    /// <param name="arguments">Those behind its matcher.</param>
    /// <param name="contentType">That a <c>header</c> has set; null: none.</param>
    /// <returns>Null: it has another form. Where a placeholder is unknown, a problem has been said.</returns>
    public JsonObject? Read(Statement line, Token[] arguments, string? contentType)
    {
        var (body, status) = arguments switch
        {
            [{ Text: ['1' or '2' or '3' or '4' or '5', _, _] } only] => (null, only),
            [var only] => (only, (Token?)null),
            [var text, var said] => (text, said),
            _ => (null, null),
        };
        var block = RespondBlock.Read(line, body);
        if (block.Others.Count > 0 || arguments.Length > 2)
        {
            return null;
        }

        var content = new JsonObject();
        if (status is not (null or { Text: "{err.status_code}" or "{http.error.status_code}" }))
        {
            if (!int.TryParse(status.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var own) || own is < 200 or > 599)
            {
                return null;
            }

            content["Status"] = own;
        }

        if (block.Body is { Text.Length: > 0 } shown && BodyOf(shown) is { } filled)
        {
            content["Body"] = filled;
            if (contentType is not null)
            {
                content["ContentType"] = contentType;
            }
        }

        return content;
    }

    /// <summary>A text with the placeholders of the error and of the request.</summary>
    /// <param name="read">Reads those of the request, and says what is wrong.</param>
    public static string? Fill(string text, Func<string, string?> read)
    {
        const string Status = "\u0001";
        const string Words = "\u0002";
        foreach (var error in new[] { "err", "http.error" })
        {
            text = text.Replace($"{{{error}.status_code}}", Status, StringComparison.Ordinal)
                .Replace($"{{{error}.status_text}}", Words, StringComparison.Ordinal);
        }

        return read(text)?.Replace(Status, ErrorPlaceholders.Status, StringComparison.Ordinal)
            .Replace(Words, ErrorPlaceholders.StatusText, StringComparison.Ordinal);
    }

    /// <returns>Null: a problem has said why.</returns>
    private string? BodyOf(Token body) => Fill(body.Text, text => PlaceholderText.Read(text, body.At, remarks, isOfRoute: false));
}
