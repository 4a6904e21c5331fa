using System.Text;
using System.Text.Json;
using EdgeProxy.Http;
using EdgeProxy.Proxying;
using EdgeProxy.Sites.Placeholders;

namespace EdgeProxy.Sites;

/// <summary>A response of the settings.</summary>
/// <param name="options">Checked.</param>
internal sealed class FixedResponse(RespondOptions options)
{
    private readonly Template? _body = string.IsNullOrEmpty(options.Body) ? null : Template.Parse(options.Body);
    private readonly HeaderChanges? _headers = HeaderChanges.Of(new HeaderOptions { Set = options.Headers });
    private readonly string _contentType = TypeOf(options.ContentType, options.Body);

    public async Task RespondAsync(HttpContext context, SiteRequest request)
    {
        var response = context.Response;
        if (options.Abort)
        {
            response.StatusCode = ProxyStatusCodes.NoResponse;
            context.Abort();
            return;
        }

        if (options.AsError)
        {
            await GatewayErrors.WriteAsync(context, options.Status, "A rule of this site refuses the request.");
            return;
        }

        response.StatusCode = options.Status;
        if (_body is not null)
        {
            var body = Encoding.UTF8.GetBytes(_body.Expand(request.Current, Escaping.OfType(_contentType)));
            response.ContentType = _contentType;
            _headers?.Apply(response.Headers, request.Current);
            response.ContentLength = body.Length;
            if (!HttpMethods.IsHead(context.Request.Method))
            {
                await response.Body.WriteAsync(body, context.RequestAborted);
            }

            return;
        }

        _headers?.Apply(response.Headers, request.Current);
        if (options.Status is not (StatusCodes.Status204NoContent or StatusCodes.Status304NotModified))
        {
            response.ContentLength = 0;
        }
    }

    /// <summary>The type that the settings say, else one by the look of the body.</summary>
    public static string TypeOf(string? contentType, string? body) => contentType ?? (IsJson(body) ? "application/json" : "text/plain; charset=utf-8");

    /// <summary>As Caddy tells it: an object or an array.</summary>
    private static bool IsJson(string? body)
    {
        if (body is not (['{', .., '}'] or ['[', .., ']']))
        {
            return false;
        }

        try
        {
            JsonDocument.Parse(body).Dispose();
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
