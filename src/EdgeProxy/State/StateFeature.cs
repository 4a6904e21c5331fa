namespace EdgeProxy.State;

/// <summary>The state directory, as a service.</summary>
internal static class StateFeature
{
    /// <summary>Opens it, and so locks it, when it is first asked for (<see cref="StateDirectoryInUseException"/>); the host releases it.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, StateOptions options) =>
        services.AddSingleton(_ => StateDirectory.Open(options.Directory));
}
