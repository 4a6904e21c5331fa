using EdgeProxy.Configuration;

namespace EdgeProxy.State;

/// <summary>The state directory, as a service.</summary>
internal static class StateFeature
{
    /// <summary>Opens it, and so locks it, when it is first asked for (<see cref="StateDirectoryInUseException"/>); the host releases it.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, StateOptions options) =>
        services.AddSingleton(_ => StateDirectory.Open(options.Directory)).AddChecks();

    /// <summary>Takes one that is open, and stays its opener's.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, StateDirectory state) => services.AddSingleton(state).AddChecks();

    private static IServiceCollection AddChecks(this IServiceCollection services) => services.AddSingleton<IReloadCheck, StateMove>();
}
