using System.Text.Json.Nodes;
using EdgeProxy.Importing;
using EdgeProxy.NginxImport.Syntax;

namespace EdgeProxy.NginxImport;

/// <summary><c>if</c>, <c>rewrite</c> and <c>return</c>: nginx goes through them in the order of the file, of the server first and then of the location, before
/// it looks at anything else.</summary>
internal sealed class RewritePhase(ImportRemarks remarks, ReturnReader returns)
{
    private static readonly string[] _besideReturn = ["add_header", "default_type", "access_log", "log_not_found", "error_log"];

    private readonly FieldReader _fields = new(remarks);

    /// <summary>Routes that respond, in order; behind them rules that change the path of what goes on; and whether nothing does.</summary>
    /// <param name="location">Null: the server block itself.</param>
    public (List<JsonObject> Routes, List<RewriteRule> Rules, bool Ends) Read(Level level, Location? location, ServerPlace server)
    {
        var (routes, rules) = (new List<JsonObject>(), new List<RewriteRule>());
        foreach (var line in level.Own.Where(line => line.Name is "if" or "rewrite" or "return"))
        {
            var rule = line.Name == "rewrite" ? RewriteRule.Read(line, location, server, remarks) : null;
            if (rules.Count > 0 && rule is not { Status: null } && (line.Name != "rewrite" || rule is not null))
            {
                remarks.Problem(line.At, $"'{line}' stands behind a rewrite with break, and is for other paths only; write it into a location of its own");
            }
            else if (rule is { Status: null })
            {
                if (CanBeWithin(rule.Regex, rule.Begin, location, line))
                {
                    rules.Add(rule);
                }
            }
            else if (rule is not null)
            {
                if (CanBeWithin(rule.Regex, rule.Begin, location, line))
                {
                    routes.Add(_fields.AddTo(rule.Redirect(level, server), level, server, isForwarded: false));
                }
            }
            else if (line.Name == "if" && If(line, level, location, server) is { } conditional)
            {
                routes.Add(conditional);
            }
            else if (line.Name == "return")
            {
                if (returns.Read(line, level, server, location) is { } last)
                {
                    routes.Add(WithoutOwnPage(last, location, line));
                }

                return (routes, rules, Ends: true);
            }
        }

        return (routes, rules, Ends: false);
    }

    private JsonObject? If(Directive line, Level level, Location? location, ServerPlace server)
    {
        var inner = new Level(line.Block ?? [], level);
        if (inner.Own.FirstOrDefault(own => own.Name is not ("return" or "rewrite") && !_besideReturn.Contains(own.Name)) is { } foreign)
        {
            remarks.Problem(foreign.At, $"'{foreign}' within if cannot be translated: an if has a return or a rewrite with permanent or redirect here; write " +
                "a location or a server of its own");
            return null;
        }

        var match = IfCondition.Read(line, remarks);
        var action = inner.Own.FirstOrDefault(own => own.Name is "return" or "rewrite");
        if (action is null)
        {
            remarks.Problem(line.At, "an if without return or rewrite cannot be translated; write what it says into a location or a server of its own");
            return null;
        }

        // A rewrite here is one of the server: with break or last it would go on.
        var rule = action.Name == "rewrite" ? RewriteRule.Read(action, location: null, server, remarks) : null;
        var route = rule is null ? action.Name == "return" ? returns.Read(action, inner, server, location) : null
            : _fields.AddTo(rule.Redirect(inner, server), inner, server, isForwarded: false);
        if (match is null || route is null)
        {
            return null;
        }

        var joined = IfCondition.Join(match, route["Match"] as JsonObject ?? []);
        if (joined is null || (joined.ContainsKey("PathRegex") && location?.Regex is not null))
        {
            remarks.Problem(line.At, $"'{line}' and what it is within both look at the path; write a location for the path of the if");
            return null;
        }

        route["Match"] = joined;
        return WithoutOwnPage(route, location, line);
    }

    /// <summary>The way to the page of an error begins with the server's lines again, where a <c>return</c> is met once more, and the page is not
    /// sent.</summary>
    private JsonObject WithoutOwnPage(JsonObject route, Location? location, Directive line)
    {
        if (location is not null || route["Respond"]?["AsError"] is null)
        {
            return route;
        }

        if (route["Match"] is JsonObject match && match.ToJsonString() is var text
            && (text.Contains("\"Methods\"", StringComparison.Ordinal) || text.Contains("\"PathRegex\"", StringComparison.Ordinal)))
        {
            remarks.Problem(line.At, $"'{line}' returns a status with an error_page, which depends on the page's own path and method in nginx; write the if " +
                "into the location, or the error_page without that status");
        }

        route["Respond"]!.AsObject().Remove("AsError");
        return route;
    }

    /// <summary>Only one regular expression can be said of a path.</summary>
    private bool CanBeWithin(string? regex, string? begin, Location? location, Directive line)
    {
        if (regex is null || location?.Regex is null || (location.IsPrefix && begin?.StartsWith(location.Path, StringComparison.Ordinal) == true))
        {
            return true;
        }

        remarks.Problem(line.At, $"'{line}' is for some paths of its location; let its pattern begin with ^ and the location's path");
        return false;
    }
}
