using System.Collections.Frozen;
using System.Globalization;
using EdgeProxy.Http;

namespace EdgeProxy.Sites;

/// <summary>The error pages of a site, or of a route before those of its site. Read from disk when one is needed, and again when it has changed.</summary>
/// <param name="pages">Paths of files by status codes, of checked settings.</param>
/// <param name="responses">Responses by status codes, likewise.</param>
/// <param name="others">For what is not among them.</param>
/// <param name="logger">Told when a file cannot be read.</param>
internal sealed class SiteErrorPages(
    IReadOnlyDictionary<string, string> pages,
    IReadOnlyDictionary<string, ErrorResponseOptions> responses,
    SiteErrorPages? others,
    ILogger<SiteErrorPages> logger) : IErrorPages
{
    private const int FirstStatus = 400;
    private const int LastStatus = 599;

    private readonly FrozenDictionary<int, ErrorPageFile> _files =
        ByStatus(pages, (path, status) => new ErrorPageFile(ErrorPlaceholders.FillPath(path, status), logger));

    private readonly FrozenDictionary<int, ErrorResponse> _responses = ByStatus(responses, (options, status) => new ErrorResponse(options, status, logger));

    /// <returns>Null: no pages are set.</returns>
    public static SiteErrorPages? Of(
        IReadOnlyDictionary<string, string>? pages,
        IReadOnlyDictionary<string, ErrorResponseOptions>? responses,
        SiteErrorPages? others,
        ILogger<SiteErrorPages> logger) =>
        pages is { Count: > 0 } || responses is { Count: > 0 }
            ? new SiteErrorPages(
                pages ?? FrozenDictionary<string, string>.Empty, responses ?? FrozenDictionary<string, ErrorResponseOptions>.Empty, others, logger)
            : others;

    /// <summary>Reads <c>404</c> or <c>500-599</c>.</summary>
    public static bool TryParseRange(string text, out int first, out int last)
    {
        var dash = text.IndexOf('-', StringComparison.Ordinal);
        last = 0;
        return int.TryParse(dash < 0 ? text : text[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out first)
            && int.TryParse(dash < 0 ? text : text[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out last)
            && first is >= FirstStatus and <= LastStatus && last >= first && last <= LastStatus;
    }

    /// <summary>A file, else a response, else what the site has.</summary>
    public ErrorPage? Find(HttpContext context, int status) =>
        (_files.TryGetValue(status, out var file) ? file.Read() : null)
        ?? (_responses.TryGetValue(status, out var response) ? response.Page(context) : null)
        ?? others?.Find(context, status);

    /// <summary>Each status has what its narrowest range says.</summary>
    private static FrozenDictionary<int, TValue> ByStatus<TOptions, TValue>(
        IReadOnlyDictionary<string, TOptions> ranges, Func<TOptions, int, TValue> make) => ranges
        .SelectMany(range => TryParseRange(range.Key, out var first, out var last)
            ? Enumerable.Range(first, last - first + 1).Select(status => (Status: status, Width: last - first, Options: range.Value))
            : throw new FormatException(range.Key))
        .GroupBy(item => item.Status)
        .ToFrozenDictionary(items => items.Key, items => make(items.MinBy(item => item.Width).Options, items.Key));
}
