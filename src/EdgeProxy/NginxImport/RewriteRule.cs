using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.NginxImport;

/// <summary>A <c>rewrite</c>: which paths it takes, and what it makes of them.</summary>
/// <param name="Regex">Of the paths; null: every path.</param>
/// <param name="Begin">What all of these paths begin with; null: nothing that is known.</param>
/// <param name="StripPrefix">What is taken off the path before <see cref="To"/> is filled in; null: nothing.</param>
/// <param name="To">A template.</param>
/// <param name="AddsQuery">The client's query goes on.</param>
/// <param name="Status">Of a redirect; null: the request is served with its new path (<c>break</c>).</param>
internal sealed partial record RewriteRule(string? Regex, string? Begin, string? StripPrefix, string To, bool AddsQuery, int? Status)
{
    /// <summary>What stands for the first group, until the text is a template.</summary>
    private const char Group = '\u0001';

    /// <returns>Null: a problem has said why.</returns>
    public static RewriteRule? Read(Directive line, Location? location, ServerPlace server, ImportRemarks remarks)
    {
        if (line.Arguments is not [var pattern, var to, .. var flags] || flags.Length > 1)
        {
            return Refuse("write rewrite PATTERN NEW permanent");
        }

        int? status = flags switch
        {
            ["permanent"] => StatusCodes.Status301MovedPermanently,
            ["redirect"] => StatusCodes.Status302Found,
            _ when OtherServer().IsMatch(to) => StatusCodes.Status302Found,
            _ => null,
        };
        if (status is null && (location is null || flags is not ["break"]))
        {
            return Refuse("a path is changed on the way to another location; write a location for the old path, with a proxy_pass that ends with the new one " +
                "(location /old/ { proxy_pass http://HOST/new/; }), or rewrite PATTERN NEW break within the location");
        }

        var regex = Everything().IsMatch(pattern) ? null : Location.OfPcre(pattern, ignoresCase: false);
        if (regex is not null && SafeRegex.FindFault(regex) is { } fault)
        {
            return Refuse($"the regular expression {fault}; write a location for the path, with return");
        }

        if (to.AsSpan().ContainsAny(Group, '%'))
        {
            return Refuse("the new path must have no escapes; write return 301 in a location");
        }

        var adds = !to.EndsWith('?');
        to = (adds ? to : to[..^1]).Replace("$1", $"{Group}", StringComparison.Ordinal);
        if (OtherGroup().IsMatch(to))
        {
            return Refuse("only the first group is known here, at the end of the new URL; do it in the app's URLs");
        }

        if (TakesAll(pattern, regex, location))
        {
            regex = null;
        }

        var begin = Begun().Match(pattern);
        var literal = begin.Success && !pattern.Contains('|', StringComparison.Ordinal) ? Unescape(begin.Groups["literal"].Value) : null;
        string? strip = null;
        if (to.Contains(Group, StringComparison.Ordinal))
        {
            if (FindStrip(pattern, to, location) is not var (prefix, rest) || PathVariable().IsMatch(to))
            {
                return Refuse(@"a group is known here as all behind a prefix, at the end of the new URL: rewrite ^/old/(.*)$ /new/$1; do it in the app's " +
                    "URLs, or write return 301 in a location");
            }

            (strip, to) = (prefix, rest);
        }

        if (status is null && !(to.StartsWith('/') || to.StartsWith(Group)))
        {
            return Refuse("the new path must begin with a slash");
        }

        if (HostAlone().IsMatch(to) && !PathVariable().IsMatch(to))
        {
            return Refuse("write a slash behind the host");
        }

        if (to.Contains('?', StringComparison.Ordinal) && adds)
        {
            return Refuse("a query in the new URL is joined with the client's; write a ? at the end, which leaves out the latter");
        }

        return Variables.Translate(to, server, line.At, remarks) is { } template
            ? new(regex, literal, strip, template.Replace($"{Group}", "{path}", StringComparison.Ordinal), adds, status) : null;

        RewriteRule? Refuse(string why)
        {
            remarks.Problem(line.At, $"'{line}' cannot be translated: {why}");
            return null;
        }
    }

    /// <summary>Whether a location has no path that the pattern does not take.</summary>
    private static bool TakesAll(string pattern, string? regex, Location? location) => location switch
    {
        { Kind: "=" } => regex is not null && SafeRegex.Parse(regex).IsMatch(location.Path),
        { IsPrefix: true } => WithGroup().Match(pattern) is { Success: true } match && match.Groups["group"].Value is var group
            && group.EndsWith(".*", StringComparison.Ordinal)
            && location.Path.StartsWith(Unescape(match.Groups["literal"].Value) + group[..^2], StringComparison.Ordinal),
        _ => false,
    };

    /// <summary>The prefix without which the path is the group, with a slash in front of it, and the text with the group alone for both.</summary>
    private static (string Strip, string To)? FindStrip(string pattern, string to, Location? location)
    {
        var match = WithGroup().Match(pattern);
        if (!match.Success || to.IndexOf(Group, StringComparison.Ordinal) != to.Length - 1)
        {
            return null;
        }

        var (literal, group) = (Unescape(match.Groups["literal"].Value), match.Groups["group"].Value);
        if (match.Groups["slash"].Success ? literal.EndsWith('/') || group != ".*" : group[0] == '/' && literal.EndsWith('/'))
        {
            return null;
        }

        // Where a location has all its paths with the slash, the group begins with it.
        var hasSlash = group[0] == '/' || literal.Length == 0 || (!literal.EndsWith('/') && !match.Groups["slash"].Success
            && location is { IsPrefix: true } && location.Path.StartsWith(literal + "/", StringComparison.Ordinal));
        if (!hasSlash && (!(literal.EndsWith('/') || match.Groups["slash"].Success) || !to.EndsWith($"/{Group}", StringComparison.Ordinal)))
        {
            return null;
        }

        var prefix = literal.TrimEnd('/');
        return (prefix.Length > 0 ? prefix : "/", hasSlash ? to : to[..^2] + Group); // "/" makes slashes in a row one, as in $uri
    }

    /// <summary>Lets a route serve requests of the rule with their new path.</summary>
    public void Change(JsonObject route)
    {
        if (Regex is not null)
        {
            route["Match"] = new JsonObject { ["PathRegex"] = Regex };
        }

        if (StripPrefix is not null)
        {
            route[nameof(StripPrefix)] = StripPrefix;
        }

        if (To != "{path}" || !AddsQuery)
        {
            route["Rewrite"] = AddsQuery || To.Contains('?', StringComparison.Ordinal) ? To : To + "?";
        }
    }

    /// <summary>The condition and the redirect.</summary>
    public JsonObject Redirect(Level level, ServerPlace server)
    {
        var route = new JsonObject();
        if (Regex is not null)
        {
            route["Match"] = new JsonObject { ["PathRegex"] = Regex };
        }

        if (StripPrefix is not null)
        {
            route[nameof(StripPrefix)] = StripPrefix;
        }

        route["Redirect"] = new JsonObject
        {
            [nameof(To)] = ReturnReader.Absolute(To, level, server) + (AddsQuery ? "{is_args}{query}" : ""),
            [nameof(Status)] = Status,
        };
        return route;
    }

    private static string Unescape(string pattern)
    {
        var literal = new StringBuilder();
        foreach (var character in pattern.Where(character => character != '\\'))
        {
            literal.Append(character);
        }

        return literal.ToString();
    }

    [GeneratedRegex(@"^(https?://|\$scheme)")]
    private static partial Regex OtherServer();

    [GeneratedRegex(@"^(https?|\$scheme)://[^/\u0001]*\z")]
    private static partial Regex HostAlone();

    /// <summary>A path has no line ends in practice, and always a slash in front.</summary>
    [GeneratedRegex(@"^(\^|\^?/|\^?/?\.\*\$?|\^?\(\.\*\)\$?|\^/\(\.\*\)\$?)\z")]
    private static partial Regex Everything();

    [GeneratedRegex(@"\$[0-9]|\$\{[0-9]")]
    private static partial Regex OtherGroup();

    [GeneratedRegex(@"\$\{?(uri|document_uri|request_uri)\b")]
    private static partial Regex PathVariable();

    [GeneratedRegex(@"^\^(?<literal>(?:[A-Za-z0-9/_-]|\\[.-])+)(?![?*+{]|/\?)")]
    private static partial Regex Begun();

    [GeneratedRegex(@"^\^(?<literal>(?:[A-Za-z0-9/_-]|\\[.-])*?)(?<slash>/\?)?\((?<group>/?\.[*+])\)\$?\z")]
    private static partial Regex WithGroup();
}
