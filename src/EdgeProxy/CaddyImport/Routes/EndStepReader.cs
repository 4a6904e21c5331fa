using System.Globalization;
using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;
using EdgeProxy.Sites;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Directives that serve a request.</summary>
/// <param name="hasErrorPage">Whether <c>handle_errors</c> of the site sends something for a status code.</param>
internal sealed class EndStepReader(ImportRemarks remarks, FilesReader files, ProxyReader proxies, Func<int, bool> hasErrorPage)
{
    private static readonly int[] _redirects = [301, 302, 303, 307, 308];

    /// <returns>Null: it is another directive, or a problem has said why not.</returns>
    public RouteStep? Read(Statement directive, Matcher matcher, Token[] arguments) => directive.Name.Text switch
    {
        "redir" => Step(directive, matcher, Redirect(directive, arguments)),
        "respond" => Step(directive, matcher, Respond(directive, arguments)),
        "abort" => Step(directive, matcher, Abort(directive, arguments)),
        "error" => Step(directive, matcher, Error(directive, arguments)),
        "file_server" => files.Read(directive, matcher, arguments),
        "reverse_proxy" => Step(directive, matcher, proxies.Read(directive, arguments)),
        _ => null,
    };

    private static EndStep? Step(Statement directive, Matcher matcher, RouteEnd? end) => end is null ? null : new EndStep(directive, matcher, _ => end);

    private RouteEnd? Redirect(Statement directive, Token[] arguments)
    {
        var isPage = arguments is [_, { Text: "html" }];
        if (arguments is not [var to, .. var codes] || codes.Length > 1 || directive.Block is not null
            || (isPage ? StatusCodes.Status200OK : StatusOf(codes)) is not { } status)
        {
            return Malformed(directive, "redir /old /new 301; the status is one of 301, 302, 303, 307, 308, permanent, temporary and html");
        }

        if (PlaceholderText.Read(to.Text, to.At, remarks) is not { } target)
        {
            return null;
        }

        if (!ActionRules.IsSafe(CaptureNames.WithoutNames(target)) || target.Contains(' ', StringComparison.Ordinal)
            || target.StartsWith("//", StringComparison.Ordinal))
        {
            var hint = directive.Arguments.Length > arguments.Length && directive.Arguments[0].Text.StartsWith('/')
                ? $"; {directive.Arguments[0].Text} is a matcher here, and a path alone is written redir * {directive.Arguments[0].Text}" : "";
            remarks.Problem(
                to.At,
                $"{to.Text} is no place that a redirect leads to here: write a path that begins with a slash, or a URL whose host is written out or is " +
                    $"{{host}}{hint}");
            return null;
        }

        return isPage ? Page(target) : new RouteEnd("Redirect", new JsonObject { ["To"] = target, ["Status"] = status });
    }

    /// <summary><c>redir /old /new html</c>: a page that leads on.</summary>
    private static RouteEnd Page(string target)
    {
        var shown = target.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal)
            .Replace(">", "&gt;", StringComparison.Ordinal).Replace("'", "&#39;", StringComparison.Ordinal).Replace("\"", "&#34;", StringComparison.Ordinal);
        return new RouteEnd("Respond", new JsonObject
        {
            ["Status"] = StatusCodes.Status200OK,
            ["Body"] = $"""
                <!DOCTYPE html>
                <html>
                	<head>
                		<title>Redirecting...</title>
                		<script>window.location.replace("{shown}");</script>
                		<meta http-equiv="refresh" content="0; URL='{shown}'">
                	</head>
                	<body>Redirecting to <a href="{shown}">{shown}</a>...</body>
                </html>

                """,
            ["ContentType"] = "text/html; charset=utf-8",
        });
    }

    private static int? StatusOf(Token[] codes) => codes switch
    {
        [] or [{ Text: "temporary" }] => StatusCodes.Status302Found,
        [{ Text: "permanent" }] => StatusCodes.Status301MovedPermanently,
        [var code] when int.TryParse(code.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var status) && _redirects.Contains(status) => status,
        _ => null,
    };

    /// <summary><c>respond 404</c>, <c>respond "text"</c>, <c>respond "text" 404</c>, and the body in a block.</summary>
    private RouteEnd? Respond(Statement directive, Token[] arguments)
    {
        var (body, status) = arguments switch
        {
            [] => (null, null),
            [{ Text.Length: 3 } code] when IsStatus(code) => (null, code),
            [var text] => (text, (Token?)null),
            [var text, var code] => (text, code),
            _ => (null, directive.Name),
        };
        var block = RespondBlock.Read(directive, body);
        if (block.Close is { } close)
        {
            remarks.Note(close.At, "close is left out: EdgeProxy keeps the connection for the client's next request");
        }

        foreach (var option in block.Others)
        {
            remarks.Problem(option.At, $"'{option}' of respond cannot be translated; a response has a body and a status");
        }

        if (status is not null && !IsStatus(status))
        {
            return Malformed(directive, "respond /path \"text\" 404, with a status from 200 to 599");
        }

        var content = new JsonObject { ["Status"] = status is null ? 200 : int.Parse(status.Text, CultureInfo.InvariantCulture) };
        if (block.Body is not { Text.Length: > 0 } shown)
        {
            return new RouteEnd("Respond", content);
        }

        if (PlaceholderText.Read(shown.Text, shown.At, remarks) is not { } said)
        {
            return null;
        }

        content["Body"] = said;
        return new RouteEnd("Respond", content);
    }

    private RouteEnd? Abort(Statement directive, Token[] arguments) => arguments.Length > 0 || directive.Block is not null
        ? Malformed(directive, "abort, or abort @matcher")
        : new RouteEnd("Respond", new JsonObject { ["Abort"] = true });

    /// <summary>What <c>handle_errors</c> sends for the status code; where that is nothing, Caddy sends the status alone.</summary>
    private RouteEnd? Error(Statement directive, Token[] arguments)
    {
        int? status = directive.Block is not null ? null : arguments switch
        {
            [.., var code] when arguments.Length <= 2 && IsStatus(code) => int.Parse(code.Text, CultureInfo.InvariantCulture),
            [var message] when !CaddyValue.HasPlaceholder(message.Text) => StatusCodes.Status500InternalServerError,
            _ => null,
        };
        if (status is not { } said)
        {
            return Malformed(directive, "error \"message\" 404");
        }

        var content = new JsonObject { ["Status"] = said };
        if (hasErrorPage(said))
        {
            content["AsError"] = true;
        }

        return new RouteEnd("Respond", content);
    }

    private static bool IsStatus(Token code) =>
        int.TryParse(code.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var status) && status is >= 200 and <= 599;

    private RouteEnd? Malformed(Statement directive, string right)
    {
        remarks.Problem(directive.At, $"'{directive}' is not understood; write {right}");
        return null;
    }
}
