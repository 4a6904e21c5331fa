using System.Text;
using EdgeProxy.Http;
using EdgeProxy.Sites.Matching;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>A text of the settings in place of EdgeProxy's own error responses of one status code. Immutable.</summary>
internal sealed class ErrorResponse
{
    private readonly int? _status;
    private readonly string _contentType;
    private readonly Template? _body;

    /// <param name="options">Checked.</param>
    /// <param name="status">Of the error.</param>
    public ErrorResponse(ErrorResponseOptions options, int status)
    {
        _status = options.Status;
        _contentType = FixedResponse.TypeOf(options.ContentType, options.Body);
        _body = string.IsNullOrEmpty(options.Body) ? null : Template.Parse(ErrorPlaceholders.Fill(options.Body, status));
    }

    /// <summary>With what the request says, which is escaped for the type of the body.</summary>
    public ErrorPage Page(HttpContext context) => new(
        _contentType,
        _body is null ? ReadOnlyMemory<byte>.Empty
            : Encoding.UTF8.GetBytes(_body.Expand(new RequestWords(context, RequestPath.TargetOf(context)), Escaping.OfType(_contentType))),
        _status);
}
