using System.Security.Cryptography;
using System.Text;
using EdgeProxy.AdminCalls;
using EdgeProxy.Api;

namespace EdgeProxy.Admin.Dashboard;

/// <summary><c>GET /</c> of the admin API: the dashboard, one page with its style and script in it. It holds no data: it asks the API, as its reader
/// may.</summary>
/// <remarks>
/// The content security policy names the hashes of the one style and the one script: should text of the app ever get into the page as markup,
/// nothing of it runs.
/// </remarks>
internal sealed class DashboardPage : IAdminCalls
{
    private readonly byte[] _page;

    public DashboardPage()
    {
        var style = Read("page.css");
        var script = string.Join('\n', Read("text.js"), Read("plots.js"), Read("dashboard.js"));
        _page = Encoding.UTF8.GetBytes(Read("page.html").Replace("/*{style}*/", style).Replace("/*{script}*/", script));
        Policy = $"default-src 'none'; style-src '{HashOf(style)}'; script-src '{HashOf(script)}'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    }

    public string Policy { get; }

    public void Map(IEndpointRouteBuilder routes) => routes.MapGet(AdminApi.Dashboard, WriteAsync);

    public Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = _page.Length;
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers["Referrer-Policy"] = "no-referrer";
        return response.Body.WriteAsync(_page, context.RequestAborted).AsTask();
    }

    private static string HashOf(string part) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(part)))}";

    private static string Read(string name)
    {
        using var part = new StreamReader(typeof(DashboardPage).Assembly.GetManifestResourceStream($"dashboard/{name}")!);
        return part.ReadToEnd();
    }
}
