namespace EdgeProxy.Api;

/// <summary>Adds what a feature has to say to <c>GET /status</c>: the admin server asks all that the composition root has registered, in their order.</summary>
/// <remarks>The shape of the response is one contract, <see cref="StatusView"/>; a feature fills in its own properties, and without it they are null or
/// empty.</remarks>
internal interface IStatusPart
{
    /// <summary>Adds what is there once in the process.</summary>
    /// <param name="status">What is known before.</param>
    /// <param name="cancellationToken">The request has ended.</param>
    ValueTask<StatusView> AddAsync(StatusView status, CancellationToken cancellationToken) => ValueTask.FromResult(status);

    /// <summary>Adds what each app has.</summary>
    /// <param name="status">What is known of the app before.</param>
    /// <param name="services">The services of the app.</param>
    AppStatusView Add(AppStatusView status, IServiceProvider services) => status;
}
