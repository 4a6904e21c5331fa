namespace EdgeProxy.Apps;

/// <summary>A feature that adds services to every app. It registers this with the services of the process; without it no app has a trace of it.</summary>
internal interface IAppPart
{
    /// <summary>Adds its services before those that every app has, so that what it hosts is started first and stopped last.</summary>
    /// <param name="services">The services of the app, which share nothing with those of another.</param>
    /// <param name="options">The settings of the app.</param>
    void AddTo(IServiceCollection services, AppOptions options);

    /// <summary>Is called once for each app, when its services have been made and none of them has started.</summary>
    /// <param name="services">The services of the app.</param>
    void OnMade(IServiceProvider services);
}
