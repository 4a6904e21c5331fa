using EdgeProxy.AdminCalls;
using EdgeProxy.Tls.Acme;
using EdgeProxy.Tls.Local;

namespace EdgeProxy.Tls;

/// <summary>What the admin API does with certificates.</summary>
internal sealed class CertificateCalls(CertificateManager certificates, LocalCertificates local, IStatusResult status) : IAdminCalls
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(CertificateApi.Renew, RenewAsync);
        routes.MapGet(CertificateApi.Root, Root);
    }

    /// <summary>What clients are to trust: everybody may see it.</summary>
    private IResult Root() => local.RootPem is { } root
        ? TypedResults.Json(new RootView(root), TlsJson.Relaxed.RootView)
        : Problem.Result(StatusCodes.Status404NotFound, "There is no local authority: Tls:Internal is off, or its root could not be made (see the log).");

    /// <summary>Makes an attempt now, whatever the plan says, and waits for its end; it goes on when the caller leaves. What came of it is in the
    /// status.</summary>
    private async Task<IResult> RenewAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var (body, problem) = await AdminBody.ReadAsync(context, TlsJson.Relaxed.RenewBody, """{"name":"shop.example.com"}""");
        if (body is null)
        {
            return problem!;
        }

        var domain = body.Name is null ? null : DomainName.TryNormalize(body.Name, out var ascii) ? ascii : body.Name;
        var errors = await certificates.RenewAsync(domain, cancellationToken);
        return errors is not null
            ? await status.OfAsync(context)
            : Problem.Result(
                StatusCodes.Status422UnprocessableEntity,
                body.Name is null
                    ? "No certificate comes from an authority (Tls:Acme:Domains is empty); EdgeProxy does not renew certificates from files."
                    : $"No certificate for \"{body.Name}\" comes from an authority; GET /status lists those that do.");
    }
}
