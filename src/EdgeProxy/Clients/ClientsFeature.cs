namespace EdgeProxy.Clients;

/// <summary>Who the client is, also behind trusted proxies.</summary>
internal static class ClientsFeature
{
    /// <param name="trustedProxies">Networks, addresses, <c>unix:</c>; null: nobody is trusted.</param>
    public static IServiceCollection AddClients(this IServiceCollection services, string[]? trustedProxies) =>
        services.AddSingleton(new TrustedProxies(trustedProxies ?? []));

    /// <summary>Before everything that asks who the client is; what observes requests looks at their end and may stand in front.</summary>
    public static void UseClientIdentification(this IApplicationBuilder app) => app.UseMiddleware<ClientIdentification>();
}
