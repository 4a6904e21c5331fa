using System.Collections.Immutable;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Clients;
using EdgeProxy.Importing;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Matching;

namespace EdgeProxy.CaddyImport.Routes;

/// <summary>Reads the lines of a named matcher, all of which have to hold; lines of one kind are one list.</summary>
internal sealed class ConditionLines(ImportRemarks remarks)
{
    private const string Kinds = "path, path_regexp, method, host, header, header_regexp, query, protocol, remote_ip, file and not";

    private static readonly Dictionary<string, string> _forms = new(StringComparer.Ordinal)
    {
        ["path"] = "path /api/* /login",
        ["method"] = "method GET POST",
        ["host"] = "host shop.example.com",
        ["protocol"] = "protocol https or protocol http",
        ["remote_ip"] = "remote_ip 10.0.0.0/8",
        ["client_ip"] = "client_ip 10.0.0.0/8",
        ["header"] = "header FIELD VALUE, a line for each value, with a * at an end of it or none, and no placeholder",
        ["file"] = "file /maintenance.html, file {path} or file { root /srv/app; try_files {path} }, without stars",
        ["query"] = "query NAME=VALUE, the value in full or * alone",
    };

    /// <returns>Null: a problem has said why.</returns>
    public Condition? Read(IReadOnlyList<Statement> lines, SourceLine at) => Read(lines, at, isNegated: false);

    private Condition? Read(IReadOnlyList<Statement> lines, SourceLine at, bool isNegated)
    {
        if (lines.Count == 0)
        {
            remarks.Problem(at, "the matcher has no condition");
            return null;
        }

        var condition = Condition.All;
        var isWhole = true;
        foreach (var line in lines)
        {
            if (Add(condition, line, isNegated) is { } next)
            {
                condition = next;
            }
            else
            {
                isWhole = false;
            }
        }

        return !isWhole ? null
            : !isNegated && condition.Paths is ["*"] ? condition with { Paths = null } // "/*": every request has a path
            : condition;
    }

    private Condition? Add(Condition condition, Statement line, bool isNegated)
    {
        var before = remarks.ProblemCount;
        var next = line switch
        {
            { Name.Text: "path", Arguments.Length: > 0 } => AddPaths(condition, line),
            { Name.Text: "method", Arguments.Length: > 0 } => AddMethods(condition, line),
            { Name.Text: "host", Arguments.Length: > 0 } => AddHosts(condition, line),
            { Name.Text: "protocol", Arguments: [{ Text: "http" or "https" } scheme] } => AddList(condition, "Scheme", [scheme.Text]),
            { Name.Text: "remote_ip" or "client_ip", Arguments.Length: > 0 } => AddClients(condition, line),
            { Name.Text: "header", Arguments: [{ Text: ['!', .. var name] }] } when !isNegated =>
                condition with { Not = condition.Not.Add(AddList(Condition.All, $"Headers:{name}", ["*"])) },
            { Name.Text: "header", Arguments: [var name, var value] } when !name.Text.StartsWith('!') => AddField(condition, $"Headers:{name.Text}", value),
            { Name.Text: "path_regexp", Arguments: { Length: 1 or 2 } and [.., var pattern] } => AddPathRegex(condition, line, pattern),
            { Name.Text: "header_regexp", Arguments: { Length: 2 or 3 } and [.., var field, var pattern] } when !RequestFields.AreRemoved(field.Text) =>
                AddRegex(condition, $"HeaderRegex:{field.Text}", pattern),
            { Name.Text: "query", Arguments.Length: > 0 } => AddQuery(condition, line),
            { Name.Text: "file" } => AddFiles(condition, line),
            { Name.Text: "not" } when !isNegated => AddNot(condition, line),
            _ => null,
        };
        if (next is null && remarks.ProblemCount == before)
        {
            remarks.Problem(line.At, $"the matcher '{line}' cannot be translated: {Why(line)}");
        }

        return next;
    }

    private static string Why(Statement line) => line switch
    {
        { Name.Text: "header_regexp", Arguments: { Length: 2 or 3 } and [.., var field, _] } when RequestFields.AreRemoved(field.Text) =>
            $"{field.Text} is removed from what clients send, as it could be anything",
        { Name.Text: "path_regexp" or "header_regexp" } => "it is written path_regexp NAME PATTERN or header_regexp NAME FIELD PATTERN",
        { Name.Text: "vars_regexp" } => "variables are not translated",
        { Name.Text: "expression" } => $"EdgeProxy has no expressions; write it with {Kinds}",
        { Name.Text: "not" } => "a not within a not has no counterpart",
        { Name.Text: "query" } when line.Arguments.Length > 1 =>
            "two parameters are alternatives in Caddy 2.6 and two conditions in later versions; write a matcher for each",
        { Name.Text: "header", Arguments: [var field, _] } when RequestFields.AreRemoved(field.Text) =>
            $"{field.Text} is removed from what clients send, as it could be anything; what decides a route here is {Kinds}",
        { Name.Text: "path" or "method" or "host" or "protocol" or "remote_ip" or "client_ip" or "header" or "query" or "file" } =>
            $"this is no form of {line.Name.Text} that has a counterpart; write {_forms[line.Name.Text]}",
        _ => $"what decides a route here is {Kinds}",
    };

    /// <summary>One of its kind: what Caddy makes of two differs from version to version.</summary>
    private Condition? AddRegex(Condition condition, string kind, Token pattern)
    {
        var fault = condition.Lists.ContainsKey(kind) ? "is a second regular expression of one matcher; write both as one, (?:one)|(?:other)"
            : SafeRegex.FindFault(pattern.Text);
        if (fault is not null)
        {
            remarks.Problem(pattern.At, $"the regular expression {pattern.Text} {fault}");
            return null;
        }

        return AddList(condition, kind, [pattern.Text]);
    }

    /// <summary>The name is that of placeholders.</summary>
    private Condition? AddPathRegex(Condition condition, Statement line, Token pattern) =>
        AddRegex(condition, Condition.PathRegex, pattern) is not { } added ? null
        : line.Arguments is [var name, _] ? added with { Captures = added.Captures.SetItem(name.Text, pattern.Text) }
        : added;

    private Condition? AddPaths(Condition condition, Statement line)
    {
        var isValid = true;
        foreach (var path in line.Arguments)
        {
            var fault = CaddyValue.HasPlaceholder(path.Text) ? "has a placeholder, and routes are fixed"
                : !path.Text.StartsWith('/') && !path.Text.StartsWith('*') ? "takes nothing in Caddy either: it does not begin with a slash or a *"
                : PathPattern.FindFault(path.Text);
            if (fault is not null)
            {
                remarks.Problem(path.At, $"the path {path.Text} {fault}");
                isValid = false;
            }
        }

        var paths = (condition.Paths ?? []).AddRange(line.Words);
        return !isValid ? null : condition with { Paths = paths.Any(PathSets.IsAll) ? ["*"] : paths };
    }

    /// <summary>Caddy compares methods as they are written, and clients write them in capitals (RFC 9110 section 9.1).</summary>
    private Condition? AddMethods(Condition condition, Statement line)
    {
        if (line.Arguments.FirstOrDefault(method => method.Text.Any(char.IsAsciiLetterLower)) is { } small)
        {
            remarks.Problem(
                small.At, $"the method {small.Text} takes nothing in Caddy either: methods have a letter case; write {small.Text.ToUpperInvariant()}");
            return null;
        }

        return AddList(condition, "Methods", line.Words);
    }

    private Condition? AddHosts(Condition condition, Statement line)
    {
        if (line.Arguments.FirstOrDefault(host => !AppHosts.IsValid(host.Text)) is { } wrong)
        {
            remarks.Problem(wrong.At, $"the host {wrong.Text} must be {AppHosts.Allowed}");
            return null;
        }

        return AddList(condition, "Hosts", line.Words.Select(host => host.ToLowerInvariant()));
    }

    private Condition? AddClients(Condition condition, Statement line)
    {
        var networks = line.Words.SelectMany(range => range == "private_ranges" ? Sites.ReverseProxyOptions.PrivateRanges : [range]).ToList();
        if (networks.Find(network => !TrustedProxies.TryParse(network, out _)) is { } wrong)
        {
            remarks.Problem(line.At, wrong == "forwarded"
                ? "remote_ip forwarded believes any client; name the proxies in front in 'servers { trusted_proxies static ... }', then write remote_ip alone"
                : $"{wrong} of {line.Name.Text} is no address and no network");
            return null;
        }

        return AddList(condition, "ClientIn", networks);
    }

    /// <summary>Caddy 2.6 takes two names for alternatives (caddyhttp.MatchQuery), later versions for two conditions: that is left to the user.</summary>
    private static Condition? AddQuery(Condition condition, Statement line)
    {
        foreach (var parameter in line.Arguments)
        {
            if (parameter.Text.Split('=', 2) is not [{ Length: > 0 } name, var value] || name.Contains(':', StringComparison.Ordinal)
                || AddField(condition, $"Query:{name}", parameter with { Text = value }) is not { } next)
            {
                return null;
            }

            condition = next;
        }

        return condition.Lists.Keys.Count(kind => kind.StartsWith("Query:", StringComparison.Ordinal)) > 1 ? null : condition;
    }

    /// <summary>Files below a root that is known where the matcher is used, see <see cref="Condition.BelowRoot"/>.</summary>
    private static Condition? AddFiles(Condition condition, Statement line)
    {
        var matcher = FileMatcher.Read(line);
        var root = matcher.Root?.Text;
        var files = matcher.Files.Select(file => file.Text.Replace("{http.request.uri.path}", "{path}", StringComparison.Ordinal)).DefaultIfEmpty("{path}");
        var patterns = files.Select(file => (root?.TrimEnd('/') ?? Condition.OpenRoot) + (file.StartsWith('/') || file.StartsWith("{path}",
            StringComparison.Ordinal) ? file : "/" + file)).ToList();
        return matcher.Other is not null || condition.Lists.ContainsKey(Condition.FileExists) || root?.StartsWith('/') == false
            || files.Any(file => file.AsSpan().IndexOfAny("*?[\\=") >= 0)
            || patterns.Exists(pattern => FileTest.FindFault(pattern.Replace(Condition.OpenRoot, "/", StringComparison.Ordinal)) is not null)
            ? null : AddList(condition, Condition.FileExists, patterns);
    }

    /// <summary>A star within a value is one only at its ends; a placeholder is none here.</summary>
    private static Condition? AddField(Condition condition, string kind, Token value) =>
        CaddyValue.HasPlaceholder(value.Text) || (kind.StartsWith("Query:", StringComparison.Ordinal) && (value.Text.Length == 0
            || (value.Text.Length > 1 && value.Text.Contains('*', StringComparison.Ordinal))))
            || (kind.StartsWith("Headers:", StringComparison.Ordinal) && RequestFields.AreRemoved(kind["Headers:".Length..]))
            ? null : AddList(condition, kind, [value.Text]);

    private static Condition AddList(Condition condition, string kind, IEnumerable<string> values) => condition with
    {
        Lists = condition.Lists.SetItem(kind, [.. condition.Lists.GetValueOrDefault(kind, []).Union(values)]),
    };

    private Condition? AddNot(Condition condition, Statement line)
    {
        var lines = line.Block ?? (line.Arguments is [var kind, .. var rest] ? [new Statement(kind, rest, Block: null)] : []);
        return Read(lines, line.At, isNegated: true) is { } excluded ? condition with { Not = condition.Not.Add(excluded) } : null;
    }
}
