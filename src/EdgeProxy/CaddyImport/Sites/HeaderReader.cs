using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport.Syntax;
using EdgeProxy.Importing;

namespace EdgeProxy.CaddyImport.Sites;

/// <summary><c>header</c>: of the fields that a site adds to responses EdgeProxy knows one, Strict-Transport-Security.</summary>
internal sealed class HeaderReader(ImportRemarks remarks, SettingsDraft draft)
{
    /// <summary>What sets these in a Django project.</summary>
    private static readonly Dictionary<string, string> _django = new(StringComparer.OrdinalIgnoreCase)
    {
        ["X-Content-Type-Options"] = "static responses always have it; for the others set it in the app (Django: SECURE_CONTENT_TYPE_NOSNIFF, on by default)",
        ["X-Frame-Options"] = "set it in the app (Django: XFrameOptionsMiddleware)",
        ["Referrer-Policy"] = "set it in the app (Django: SECURE_REFERRER_POLICY)",
        ["Content-Security-Policy"] = "set it in the app (Django: its CSP middleware, or django-csp)",
        ["Access-Control-Allow-Origin"] = "set it in the app (Django: django-cors-headers)",
    };

    /// <param name="isOfSite">It stands in no block of the site.</param>
    /// <returns>A step, where it depends on the path what is to be said; else null.</returns>
    public Step? Read(Statement directive, PathMatcher matcher, Token[] arguments, bool isOfSite)
    {
        var lines = arguments is [var first, .. var rest] ? [new Statement(first, rest, Block: null)] : directive.Block ?? [];
        Step? step = null;
        foreach (var line in lines)
        {
            var field = line.Name.Text.TrimStart('+', '-', '?', '>', '=');
            if (field.ToUpperInvariant() is "CACHE-CONTROL" or "EXPIRES" or "PRAGMA")
            {
                step = new CacheHeaderStep(directive, matcher);
            }
            else
            {
                ReadField(line, field, isForAll: isOfSite && matcher.Conditions.Count == 0);
            }
        }

        return step;
    }

    private void ReadField(Statement line, string field, bool isForAll)
    {
        if (line.Name.Text == "defer")
        {
            return;
        }

        if (line.Name.Text.Equals("-Server", StringComparison.OrdinalIgnoreCase))
        {
            remarks.Note(line.At, "-Server is left out: EdgeProxy sends no Server of its own, but the app's passes (gunicorn's tells no version)");
        }
        else if (field.Equals("Strict-Transport-Security", StringComparison.OrdinalIgnoreCase) && !line.Name.Text.StartsWith('-')
            && line.Arguments is [var value] && isForAll && !CaddyValue.HasPlaceholder(value.Text))
        {
            draft.Set("EdgeProxy:Tls:Hsts", JsonValue.Create(value.Text), line.At);
        }
        else if (field.Equals("Strict-Transport-Security", StringComparison.OrdinalIgnoreCase))
        {
            remarks.Problem(
                line.At,
                $"'{line}' can be translated only as one value for the whole site: write 'header Strict-Transport-Security max-age=31536000' at the site's " +
                    "level");
        }
        else
        {
            remarks.Problem(
                line.At,
                $"the header '{line}' cannot be translated: EdgeProxy leaves the app's responses as they are; " +
                    $"{_django.GetValueOrDefault(field, "set it in the app")}");
        }
    }
}
