using System.Text;
using EdgeProxy.Http;
using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>What the settings say in place of EdgeProxy's own error responses of one status code. Immutable.</summary>
internal sealed class ErrorResponse
{
    private readonly int? _status;
    private readonly string? _ownType;
    private readonly string _contentType;
    private readonly Template? _body;
    private readonly ErrorPageFile? _file;
    private readonly HeaderChanges? _headers;

    /// <param name="options">Checked.</param>
    /// <param name="status">Of the error.</param>
    /// <param name="logger">Told when a file cannot be read.</param>
    public ErrorResponse(ErrorResponseOptions options, int status, ILogger<SiteErrorPages> logger)
    {
        _status = options.Status;
        _ownType = options.ContentType;
        _contentType = FixedResponse.TypeOf(options.ContentType, options.Body);
        _body = string.IsNullOrEmpty(options.Body) ? null : Template.Parse(ErrorPlaceholders.Fill(options.Body, status));
        _file = string.IsNullOrEmpty(options.File) ? null : new ErrorPageFile(ErrorPlaceholders.FillPath(options.File, status), logger);
        _headers = HeaderChanges.Of(ErrorPlaceholders.Fill(options.Headers, status));
    }

    /// <summary>With what the request says, which is escaped for the type of the body.</summary>
    /// <returns>Null: the file cannot be read.</returns>
    public ErrorPage? Page(HttpContext context)
    {
        var request = new RequestWords(context, RequestPath.TargetOf(context));
        var page = _file is not null ? _file.Read() : new ErrorPage(
            _contentType,
            _body is null ? ReadOnlyMemory<byte>.Empty : Encoding.UTF8.GetBytes(_body.Expand(request, Escaping.OfType(_contentType))));
        return page is null ? null : page with
        {
            ContentType = _ownType ?? page.ContentType,
            Status = _status,
            ChangeHeader = _headers is { } changes ? header => changes.Apply(header, request) : null,
        };
    }
}
