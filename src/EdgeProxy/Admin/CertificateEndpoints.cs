using EdgeProxy.Api;
using EdgeProxy.Tls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Tls.Local;

namespace EdgeProxy.Admin;

/// <summary>What the admin API does with certificates.</summary>
internal sealed class CertificateEndpoints(CertificateManager certificates, LocalCertificates local, StatusReader status)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(AdminApi.RenewCertificates, RenewAsync);
        routes.MapGet(AdminApi.RootCertificate, Root);
    }

    /// <summary>What clients are to trust: everybody may see it.</summary>
    private IResult Root() => local.RootPem is { } root
        ? TypedResults.Json(new RootView(root), ApiJson.Relaxed.RootView)
        : Problem.Result(StatusCodes.Status404NotFound, "There is no local authority: Tls:Internal is off, or its root could not be made (see the log).");

    /// <summary>Makes an attempt now, whatever the plan says, and waits for its end; it goes on when the caller leaves. What came of it is in the
    /// status.</summary>
    private async Task<IResult> RenewAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, ApiJson.Relaxed.RenewBody, """{"name":"shop.example.com"}""");
        if (body is null)
        {
            return problem!;
        }

        var domain = body.Name is null ? null : DomainName.TryNormalize(body.Name, out var ascii) ? ascii : body.Name;
        var errors = await certificates.RenewAsync(domain, cancellationToken);
        return errors is not null
            ? TypedResults.Json(await status.ReadAsync(one: null, AdminCaller.Of(context), cancellationToken), ApiJson.Relaxed.StatusView)
            : Problem.Result(
                StatusCodes.Status422UnprocessableEntity,
                body.Name is null
                    ? "No certificate comes from an authority (Tls:Acme:Domains is empty); EdgeProxy does not renew certificates from files."
                    : $"No certificate for \"{body.Name}\" comes from an authority; GET /status lists those that do.");
    }
}
