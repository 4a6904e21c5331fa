namespace EdgeProxy.Clients;

/// <summary>The client's address, also behind trusted proxies.</summary>
internal static class ClientsFeature
{
    /// <param name="trustedProxies">Networks, addresses, <c>unix:</c>; null: nobody is trusted.</param>
    public static IServiceCollection AddClients(this IServiceCollection services, string[]? trustedProxies) =>
        services.AddSingleton(new TrustedProxies(trustedProxies ?? []));

    /// <summary>Before everything that asks for the client's address; what observes requests looks at their end and may stand in front.</summary>
    public static void UseClientIdentification(this IApplicationBuilder app) => app.UseMiddleware<ClientIdentification>();
}
