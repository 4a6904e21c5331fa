using EdgeProxy.Json;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Tls.Local;

namespace EdgeProxy.Admin;

/// <summary>What the admin API does with certificates.</summary>
internal sealed class CertificateEndpoints(CertificateManager certificates, LocalCertificates local, StatusReader status)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/certificates/renew", RenewAsync);
        routes.MapGet("/certificates/root", Root);
    }

    /// <summary>What clients are to trust: everybody may see it.</summary>
    private IResult Root() => local.RootPem is { } root
        ? TypedResults.Json(new RootView(root), ApiJson.Default.RootView)
        : ApiProblem.Result(StatusCodes.Status404NotFound, "There is no local authority: Tls:Internal is off, or its root could not be made (see the log).");

    /// <summary>Makes an attempt now, whatever the plan says, and waits for its end; it goes on when the caller leaves. What came of it is in the status.</summary>
    private async Task<IResult> RenewAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Default.RenewBody, """{"name":"shop.example.com"}""");
        if (body is null)
        {
            return problem!;
        }

        var domain = body.Name is null ? null : DomainName.TryNormalize(body.Name, out var ascii) ? ascii : body.Name;
        var errors = await certificates.RenewAsync(domain, cancellationToken);
        return errors is not null
            ? TypedResults.Json(await status.ReadAsync(AdminCaller.Of(context), cancellationToken), ApiJson.Default.StatusView)
            : ApiProblem.Result(
                StatusCodes.Status422UnprocessableEntity,
                body.Name is null
                    ? "No certificate comes from an authority (Tls:Acme:Domains is empty); own files are renewed by whoever writes them."
                    : $"No certificate for \"{body.Name}\" comes from an authority; GET /status lists those that do.");
    }
}

/// <summary>The answer to <c>GET /certificates/root</c>.</summary>
/// <param name="Root">The root certificate of the local authority, PEM.</param>
internal sealed record RootView(string Root);

/// <summary>The body of <c>POST /certificates/renew</c>.</summary>
/// <param name="Name">The domain; null: all that come from an authority.</param>
internal sealed record RenewBody(string? Name = null) : OrderBody;
