using EdgeProxy.Configuration;

namespace EdgeProxy.Sites;

/// <summary>What is sent in place of EdgeProxy's own error responses.</summary>
internal static class ErrorRules
{
    private const string Statuses = "must be for a status code or a range of them, from 400 to 599: \"404\" or \"502-504\"";

    public static void CheckPages(SettingsScope above, string key, Dictionary<string, string>? pages)
    {
        var at = above.In(key);
        foreach (var (status, path) in pages ?? [])
        {
            if (!SiteErrorPages.TryParseRange(status, out _, out _))
            {
                at.Error(status, Statuses);
            }
            else
            {
                CheckFile(at, status, path);
            }
        }
    }

    private static void CheckFile(SettingsScope at, string key, string path)
    {
        if (!Path.IsPathRooted(path))
        {
            at.Error(key, "must be the absolute path of a file; {status} in it stands for the status code");
        }
        else if (!path.Contains(ErrorPlaceholders.Status, StringComparison.Ordinal) && !File.Exists(path))
        {
            at.Warn(key, "is no file that EdgeProxy's user can see; until it is, EdgeProxy's own error page is sent");
        }
    }

    public static void CheckResponses(SettingsScope above, string key, Dictionary<string, ErrorResponseOptions>? responses)
    {
        foreach (var (status, response) in responses ?? [])
        {
            var at = above.In(key).In(status);
            if (!SiteErrorPages.TryParseRange(status, out var first, out _))
            {
                above.In(key).Error(status, Statuses);
                continue;
            }

            if (response.Status is { } code)
            {
                at.Range(nameof(response.Status), code, 200, 599);
            }

            if (!string.IsNullOrEmpty(response.Body))
            {
                HeaderRules.CheckPlaceholders(at, nameof(response.Body), ErrorPlaceholders.Fill(response.Body, first));
                if (response.Status is StatusCodes.Status204NoContent or StatusCodes.Status304NotModified)
                {
                    at.Error(nameof(response.Body), $"cannot be sent with status {response.Status}");
                }
            }

            if (!string.IsNullOrEmpty(response.File))
            {
                CheckFile(at, nameof(response.File), response.File);
                if (!string.IsNullOrEmpty(response.Body))
                {
                    at.Error(nameof(response.File), "is not alone: a response is a File or a Body");
                }
            }

            HeaderRules.Check(at.In(nameof(response.Headers)), ErrorPlaceholders.Fill(response.Headers, first), isRequest: false);
            ActionRules.CheckContentType(at, nameof(response.ContentType), response.ContentType);
        }
    }
}
