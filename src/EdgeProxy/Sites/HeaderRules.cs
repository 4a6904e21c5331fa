using System.Collections.Frozen;
using EdgeProxy.Configuration;
using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>Changes of headers, and templates.</summary>
internal static class HeaderRules
{
    /// <summary>Say how a message is framed, or belong to one connection (RFC 9110 section 7.6.1): the server's own affair.</summary>
    private static readonly FrozenSet<string> _ofConnection = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade");

    public static bool IsOfConnection(string name) => _ofConnection.Contains(name);

    /// <param name="isRequest">Of the request that is forwarded, whose <c>Host</c> may be set.</param>
    /// <param name="groups">Of the route's <c>Match:PathRegex</c>; -1: there is none.</param>
    public static void Check(SettingsScope at, HeaderOptions? headers, bool isRequest, int groups = -1)
    {
        if (headers is null)
        {
            return;
        }

        at.Each(nameof(headers.Remove), headers.Remove, (scope, key, name) =>
        {
            CheckName(scope, key, StarLess(name), mayBeHost: false);
            WarnOfRemoval(scope, key, name);
        });
        CheckFields(at.In(nameof(headers.Set)), headers.Set, mayBeHost: isRequest, groups);
        CheckFields(at.In(nameof(headers.Default)), headers.Default, mayBeHost: false, groups);
        foreach (var (name, replacement) in headers.Replace ?? [])
        {
            CheckReplacement(at.In(nameof(headers.Replace)), name, replacement, isRequest);
        }

        foreach (var (name, values) in headers.Add ?? [])
        {
            CheckName(at.In(nameof(headers.Add)), name, name, mayBeHost: false);
            at.In(nameof(headers.Add)).Each(name, values, (scope, key, value) => CheckTemplate(scope, key, value, groups));
        }
    }

    private static void CheckReplacement(SettingsScope at, string name, ReplaceOptions replacement, bool isRequest)
    {
        CheckName(at, name, name, mayBeHost: false);
        if (isRequest)
        {
            at.Error(name, "is for responses: Headers");
        }

        var scope = at.In(name);
        if (scope.Required(nameof(replacement.Search), replacement.Search, "a regular expression") && SafeRegex.FindFault(replacement.Search!) is { } fault)
        {
            scope.Error(nameof(replacement.Search), fault);
        }
        else if (FieldReplacement.FindFault(replacement) is { } wrong)
        {
            scope.Error(nameof(replacement.With), wrong);
        }
    }

    private static void WarnOfRemoval(SettingsScope at, string key, string name)
    {
        string[] kept = name.Contains('*', StringComparison.Ordinal) ? [.. _ofConnection.Where(own => HeaderChanges.Means(name, own)).Order()] : [];
        if (name.Length > 0 && HeaderChanges.Means(name, "Content-Encoding"))
        {
            at.Warn(key, "takes Content-Encoding away, and clients cannot read a compressed body; name the fields that are meant");
        }
        else if (name.Length > 0 && HeaderChanges.Means(name, "Content-Type"))
        {
            at.Warn(key, "takes Content-Type away, and clients have to guess what the body is; name the fields that are meant");
        }
        else if (kept.Length > 0)
        {
            at.Warn(key, $"leaves {string.Join(", ", kept)}, which only the server itself can change");
        }
    }

    public static void CheckFields(SettingsScope at, Dictionary<string, string>? fields, bool mayBeHost = false, int groups = -1)
    {
        foreach (var (name, value) in fields ?? [])
        {
            CheckName(at, name, name, mayBeHost);
            CheckTemplate(at, name, value, groups);
        }
    }

    /// <summary>A text with placeholders.</summary>
    /// <param name="groups">As of <see cref="Check"/>.</param>
    public static void CheckTemplate(SettingsScope at, string key, string text, int groups = -1)
    {
        if (text.Any(character => char.IsControl(character) && character != '\t'))
        {
            at.Error(key, "must have no line end and no other control character");
        }

        CheckPlaceholders(at, key, text, groups);
    }

    /// <returns>Null: the text is none.</returns>
    public static Template? CheckPlaceholders(SettingsScope at, string key, string text, int groups = -1)
    {
        try
        {
            var template = Template.Parse(text);
            if (template.LastGroup is { } group && group > groups)
            {
                at.Error(key, groups < 0 ? $"has {{re.{group}}}, and there is no Match:PathRegex of a route here that could find it"
                    : $"has {{re.{group}}}, and Match:PathRegex has {groups} groups that can be filled in (not if one is repeated by *, + or {{n}})");
            }

            return template;
        }
        catch (FormatException unknown)
        {
            at.Error(key, unknown.Message);
            return null;
        }
    }

    private static string StarLess(string name) => name.StartsWith('*') ? name[1..] : name.EndsWith('*') ? name[..^1] : name;

    private static void CheckName(SettingsScope at, string key, string name, bool mayBeHost)
    {
        if (name.Length == 0 || !name.All(character => char.IsAsciiLetterOrDigit(character) || "!#$%&'*+-.^_`|~".Contains(character, StringComparison.Ordinal))
            || name.Contains('*', StringComparison.Ordinal))
        {
            at.Error(key, "must be the name of a header field (RFC 9110 section 5.6.2)");
        }
        else if (IsOfConnection(name) || (!mayBeHost && name.Equals("Host", StringComparison.OrdinalIgnoreCase)))
        {
            at.Error(key, "is a field that only the server itself can set");
        }
    }
}
